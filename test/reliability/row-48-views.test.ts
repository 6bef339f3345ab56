import t from 'tap'
import { engineConfigurations } from '../fixtures/configurations.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'

/** Copied into a batch, posted in one of their own, and longer than a read buffer. */
const SIZES = [5, 5000, 200_000]

for (const { name, options } of await engineConfigurations()) {
  t.test(`row 48: ${name}: what is sent on at once shares its memory with nothing that is read later`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    const { client } = await engine.join()
    const { client: member, id: memberId } = await engine.join()
    engine.server.join(memberId, 'room')
    const later: Buffer[] = []
    engine.server.on('message', (id, message) => {
      // Every way a view can leave again, in the middle of the batch it is a part of.
      engine.server.broadcast(message, { except: memberId })
      engine.server.publish('room', message)
      engine.server.send(id, message.subarray(1))
      later.push(message)
    })
    for (const size of SIZES) {
      const messages = ['a', 'b', 'c'].map((letter) => Buffer.alloc(size, letter))
      client.sendRaw(encodeFrames(messages.map((payload) => ({ opcode: RawOpcode.Binary, payload }))))
      for (const message of messages) {
        t.ok((await client.nextMessage()).payload.equals(message), `${size} bytes: broadcast`)
        t.ok((await client.nextMessage()).payload.equals(message.subarray(1)), 'sent')
        t.ok((await member.nextMessage()).payload.equals(message), 'published')
      }
      t.ok(Buffer.concat(later.splice(0)).equals(Buffer.concat(messages)), 'and those that were kept are intact')
    }
  })
}
