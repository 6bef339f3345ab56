import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { EngineUnderTest } from '../../fixtures/engine-under-test.ts'
import { nextTexts, sendText } from '../../fixtures/engine-under-test.ts'
import { eventually } from '../../fixtures/journal.ts'
import { encodeFrame, encodeFrames, RawOpcode } from '../../fixtures/raw-frame.ts'
import { upgradeRequest } from '../../fixtures/raw-request.ts'
import type { Behaviour } from './behaviour.ts'

const TEXTS = Array.from({ length: 300 }, (_, i) => `${i}`)

export const vanishing: Behaviour = (t, start) => {
  for (const way of ['reset', 'end', 'destroy'] as const) {
    t.test(`an open connection: ${way}`, async (t) => {
      const engine = await start(t)
      const [gone, other] = await engine.joinMany(2)
      if (gone === undefined || other === undefined) throw new Error('unreachable')
      gone.client[way]()
      t.match(await engine.journal.closeOf(gone.id), { code: 1006 })
      engine.server.send(other.id, 'undisturbed')
      t.same(await nextTexts(other.client, 1), ['undisturbed'])
      t.equal(engine.journal.closes.length, 1)
      t.same(engine.server.getConnections(), [other.id])
      await eventually('counted', () => engine.server.stats().connections === 1)
    })
  }

  t.test('a half-close behind queued frames: all of them, then 1006; what is owed is written', async (t) => {
    const engine = await start(t)
    engine.server.on('message', (id, message) => engine.server.send(id, message, false))
    const { client, id } = await engine.join()
    for (const text of TEXTS) sendText(client, text)
    client.end()
    t.match(await engine.journal.closeOf(id), { code: 1006 })
    t.same(engine.journal.texts(id), TEXTS)
    t.equal((await client.waitClosed()).how, 'fin')
  })

  t.test('in the middle of a frame and of a fragmented message', async (t) => {
    const engine = await start(t)
    for (const bytes of [
      encodeFrame({ opcode: RawOpcode.Text, payload: 'cut off' }).subarray(0, 9),
      encodeFrames([{ opcode: RawOpcode.Text, payload: 'never ', fin: false }]),
    ]) {
      const { client, id } = await engine.join()
      client.sendRaw(bytes)
      client.end()
      t.match(await engine.journal.closeOf(id), { code: 1006 })
    }
    t.same(engine.journal.messages, [])
  })

  t.test('during the closing handshake, either side first', async (t) => {
    const engine = await start(t)
    const ours = await engine.join()
    engine.server.close(ours.id, 1000)
    await ours.client.closeFrame()
    ours.client.reset()
    t.match(await engine.journal.closeOf(ours.id), { code: 1006 })
    const theirs = await engine.join()
    theirs.client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8]) })
    theirs.client.reset()
    // The reset may overtake the close frame in the kernel, but nothing else may come of it.
    t.match(String((await engine.journal.closeOf(theirs.id)).code), /^100[06]$/)
    t.equal(engine.journal.closes.length, 2)
  })

  t.test('at every stage of the opening handshake', async (t) => {
    const engine = await start(t, { maxConnections: 4 })
    const request = upgradeRequest()
    for (const leave of ['end', 'resetAndDestroy', 'destroy'] as const) {
      for (const bytes of [Buffer.alloc(0), request.subarray(0, 20), request.subarray(0, -1), request]) {
        const socket = await connected(engine)
        if (bytes.length > 0) await new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
        socket[leave]()
      }
    }
    await eventually('everything is free again', () => engine.server.getConnections().length === 0)
    await fits(engine, 4)
    t.same(
      engine.journal.errors.filter(({ id }) => id === null),
      [],
    )
  })

  t.test('a frame right behind the handshake, then gone', async (t) => {
    const engine = await start(t)
    const socket = await connected(engine)
    socket.end(Buffer.concat([upgradeRequest(), encodeFrame({ opcode: RawOpcode.Text, payload: 'parting words' })]))
    await engine.journal.messageCount(1)
    await engine.journal.until('its close', () => engine.journal.closes[0])
    t.match(engine.journal.closes, [{ code: 1006 }])
  })
}

async function connected({ port }: EngineUnderTest): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  return socket
}

/** Connections that were given up may still hold a place for a moment. */
async function fits(engine: EngineUnderTest, count: number): Promise<void> {
  let open = 0
  const end = performance.now() + 10_000
  while (open < count) {
    const client = await engine.open()
    if (client.response.status === 101) open++
    else if (performance.now() > end) throw new Error(`only ${open} of ${count} fit`)
  }
}
