import { BatchReader, BatchWriter } from '../../src/shared/batch.ts'
import { measure } from './measure.ts'

/** Tag of the message: any number, the codec does not look at it. */
const TAG = 3

const writer = new BatchWriter()
let bytesRead = 0

function write(messages: number, payload: Buffer): void {
  for (let key = 1; key <= messages; key += 1) {
    writer.beginWithKey(TAG, key)
    writer.field(0)
    writer.bytes(payload)
  }
}

// A batch is what a tick produced: one message under light load, hundreds under heavy.
for (const size of [64, 1024, 16_384]) {
  const payload = Buffer.alloc(size, 'a')
  for (const messages of [1, 16, 128]) {
    if (size * messages > 1 << 20) continue
    const name = `${size} B, ${messages} per batch`
    measure(`write ${name}`, messages, () => {
      write(messages, payload)
      writer.finish()
    })
    write(messages, payload)
    const { posted } = writer.finish()
    measure(`read ${name}`, messages, () => {
      const reader = new BatchReader(posted)
      while (!reader.isDone) {
        reader.number()
        reader.number()
        reader.number()
        bytesRead += reader.bytes().length
      }
    })
  }
}
for (const length of [16, 64, 1024]) {
  const text = 'a'.repeat(length)
  measure(`write text of ${length} characters, 16 per batch`, 16, () => {
    for (let key = 1; key <= 16; key += 1) {
      writer.beginWithKey(TAG, key)
      writer.shortText(text)
    }
    writer.finish()
  })
}
if (bytesRead === 0) throw new Error('nothing was read')
