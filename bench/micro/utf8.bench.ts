import { isValidUtf8, Utf8Validator } from '../../src/shared/protocol/utf8.ts'
import { measure } from './measure.ts'

const validator = new Utf8Validator()

for (const size of [8, 16, 32, 63, 64, 256, 1024, 16_384]) {
  for (const [name, character] of [
    ['ASCII', 'a'],
    ['Cyrillic', 'ж'],
  ] as const) {
    const bytes = Buffer.from(character.repeat(size / character.length)).subarray(0, size & ~1)
    measure(`isValidUtf8 ${size} B ${name}`, 1, () => isValidUtf8(bytes))
    measure(`Utf8Validator.push ${size} B ${name}`, 1, () => validator.push(bytes))
  }
}
if (!validator.finish()) throw new Error('valid text was refused')
