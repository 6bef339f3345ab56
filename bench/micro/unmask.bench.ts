import { unmask } from '../../src/shared/protocol/mask.ts'
import { measure } from './measure.ts'

const KEY = 0x5a3c17e1
const bytes = Buffer.allocUnsafeSlow(1 << 21)

for (const size of [4, 8, 16, 32, 64, 128, 511, 512, 1024, 16_384, 65_536, 1 << 20]) {
  // Payloads follow a header: any alignment.
  measure(`unmask ${size} B`, 1, () => unmask(bytes, 14, 14 + size, KEY, 0))
}
