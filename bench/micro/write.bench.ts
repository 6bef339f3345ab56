import { encodeFrame, writeFrame, writeFrameHeader, writeTextFrame } from '../../src/shared/protocol/frame-writer.ts'
import { FIN, Opcode } from '../../src/shared/protocol/opcodes.ts'
import { measure } from './measure.ts'

const target = Buffer.allocUnsafeSlow(1 << 21)
const source = Buffer.allocUnsafeSlow(1 << 21).fill('a')

measure('writeFrameHeader 64 B', 1, () => writeFrameHeader(target, 0, FIN | Opcode.BINARY, 64))
for (const size of [16, 64, 1024, 16_384, 1 << 20]) {
  // As in an echo: the payload lay behind a masked header and goes behind a plain one.
  const payload = source.subarray(8, 8 + size)
  measure(`writeFrame ${size} B`, 1, () => writeFrame(target, 0, FIN | Opcode.BINARY, payload))
  measure(`encodeFrame ${size} B`, 1, () => encodeFrame(Opcode.BINARY, payload))
  const ascii = 'a'.repeat(size)
  measure(`writeTextFrame ${size} B ASCII`, 1, () => writeTextFrame(target, 0, FIN | Opcode.TEXT, ascii, size))
  const text = 'é'.repeat(size >> 1)
  measure(`writeTextFrame ${size} B not ASCII`, 1, () => writeTextFrame(target, 0, FIN | Opcode.TEXT, text, size))
}
