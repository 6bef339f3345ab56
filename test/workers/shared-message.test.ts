import t from 'tap'
import { SendFlag } from '../../src/shared/messages.ts'
import { negotiate } from '../../src/shared/protocol/permessage-deflate.ts'
import { Compression } from '../../workers/compression.ts'
import { SharedMessage } from '../../workers/shared-message.ts'
import { encodeFrame, RawFrameReader, RawOpcode } from '../fixtures/raw-frame.ts'

const OPTIONS = {
  level: 3,
  memLevel: 6,
  maxPayload: 1_000_000,
  maxDedicatedContexts: 0,
  inflateBytesPerSecond: 1e9,
}
const PAYLOAD = Buffer.alloc(5000, 'one for all ')

class CountingCompression extends Compression {
  readonly asked: number[] = []

  override deflateShared(payload: Uint8Array, windowBits: number): Buffer {
    this.asked.push(windowBits)
    return super.deflateShared(payload, windowBits)
  }
}

function agreement(serverMaxWindowBits: number) {
  const policy = { serverNoContextTakeover: false, clientNoContextTakeover: false, clientMaxWindowBits: 15 }
  const agreed = negotiate([{ name: 'permessage-deflate', parameters: [] }], { ...policy, serverMaxWindowBits })
  if (agreed === null) throw new Error('no agreement')
  return agreed
}

function message(compression: Compression, payload: Buffer, flags = 0): SharedMessage {
  const frame = encodeFrame({ opcode: RawOpcode.Text, payload, mask: false })
  return new SharedMessage(frame, payload.length, flags, 1000, compression)
}

t.test('CP07: one compression for each window size, however many connections there are', async (t) => {
  const compression = new CountingCompression(OPTIONS)
  const shared = message(compression, PAYLOAD)
  const frames = [13, 13, 9, 13, 9, 15].map((bits) => shared.compressedFor(agreement(bits)))
  t.same(compression.asked, [13, 9, 15])
  t.equal(frames[1], frames[0])
  t.equal(frames[4], frames[2])
  for (const frame of frames) {
    const [read] = new RawFrameReader().push(frame?.frame ?? Buffer.alloc(0))
    t.match(read, { fin: true, rsv: 4, opcode: RawOpcode.Text, masked: false })
    t.same(compression.inflateShared(read?.payload ?? Buffer.alloc(0)), PAYLOAD)
  }
  compression.close()
})

t.test('what does not get smaller is tried once', async (t) => {
  const compression = new CountingCompression({ ...OPTIONS, level: 1 })
  const noise = Buffer.from(
    Uint32Array.from({ length: 1000 }, (_, at) => Math.imul(at + 1, 0x9e3779b1) ^ (at << 7)).buffer,
  )
  const shared = message(compression, noise)
  t.same([shared.compressedFor(agreement(13)), shared.compressedFor(agreement(13))], [null, null])
  t.same(compression.asked, [13])
  compression.close()
})

t.test('a plain or short message is not tried at all', async (t) => {
  const compression = new CountingCompression(OPTIONS)
  t.equal(message(compression, PAYLOAD, SendFlag.PLAIN).compressedFor(agreement(13)), null)
  t.equal(message(compression, PAYLOAD.subarray(0, 999)).compressedFor(agreement(13)), null)
  t.same(compression.asked, [])
  t.not(message(compression, PAYLOAD.subarray(0, 1000)).compressedFor(agreement(13)), null)
  compression.close()
})
