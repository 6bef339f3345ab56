import { FrameParser } from '../../src/shared/protocol/frame-parser.ts'
import { encodeMaskedFrame } from '../../src/shared/protocol/frame-writer.ts'
import { Opcode } from '../../src/shared/protocol/opcodes.ts'
import { measure } from './measure.ts'

const KEY = 0x5a3c17e1
const LIMITS = { maxPayload: 1 << 24, maxCompressedSize: 1 << 24, maxFragments: 1 << 20, allowRsv1: false }

let received = 0
const parser = new FrameParser('server', LIMITS, {
  onMessage: (payload) => {
    received += payload.length
  },
  onPing: () => {},
  onPong: () => {},
  onClose: () => {},
})

/** Pushes `wire` in reads of `readSize` bytes from one buffer, as a shard does. Unmasking it twice restores it. */
function measureStream(name: string, frames: number, wire: Buffer, readSize = wire.length): void {
  const readBuffer = Buffer.allocUnsafeSlow(readSize)
  measure(name, frames, () => {
    for (let at = 0; at < wire.length; at += readSize) {
      const length = wire.copy(readBuffer, 0, at, at + readSize)
      const violation = parser.push(length === readSize ? readBuffer : readBuffer.subarray(0, length))
      if (violation !== null) throw violation
    }
  })
}

for (const [name, opcode] of [
  ['binary', Opcode.BINARY],
  ['text', Opcode.TEXT],
] as const) {
  for (const size of [0, 16, 64, 125, 1024, 16_384]) {
    const frame = encodeMaskedFrame(opcode, Buffer.alloc(size, 'a'), KEY)
    measureStream(`${name} ${size} B, 1 per read`, 1, frame)
    if (size <= 1024) measureStream(`${name} ${size} B, 16 per read`, 16, Buffer.concat(Array(16).fill(frame)))
  }
}
measureStream(
  'text 64 B not ASCII, 16 per read',
  16,
  Buffer.concat(Array(16).fill(encodeMaskedFrame(Opcode.TEXT, Buffer.from('é'.repeat(32)), KEY))),
)
const large = encodeMaskedFrame(Opcode.BINARY, Buffer.alloc(1 << 20), KEY)
measureStream('binary 1 MiB, reads of 64 KiB', 1, large, 65_536)
measureStream('binary 1 MiB, one read', 1, large)
measureStream('text 1 MiB, reads of 64 KiB', 1, encodeMaskedFrame(Opcode.TEXT, Buffer.alloc(1 << 20, 'a'), KEY), 65_536)
const fragments = [encodeMaskedFrame(Opcode.BINARY, Buffer.alloc(1), KEY, { fin: false })]
for (let count = 1; count < 1023; count += 1)
  fragments.push(encodeMaskedFrame(Opcode.CONTINUATION, Buffer.alloc(1), KEY, { fin: false }))
fragments.push(encodeMaskedFrame(Opcode.CONTINUATION, Buffer.alloc(1), KEY))
measureStream('fragments of 1 B, per frame', 1024, Buffer.concat(fragments))
measureStream('binary 64 B, byte by byte', 1, encodeMaskedFrame(Opcode.BINARY, Buffer.alloc(64), KEY), 1)
if (received === 0) throw new Error('nothing was parsed')
