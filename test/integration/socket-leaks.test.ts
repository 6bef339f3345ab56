import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { Gate } from '../../src/shared/gate.ts'
import { SocketEvents } from '../../src/shared/socket-events.ts'
import { collectGarbage } from '../fixtures/collect-garbage.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'

const COUNT = 50

for (const shards of [0, 2]) {
  t.test(`LC20 row 50: of connections that have ended nothing is left: shards: ${shards}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    const { server } = engine
    const sockets: WeakRef<object>[] = []
    server.use(async (_socket, _request, next) => {
      await pause(1)
      next()
    })
    server.route('/ends/*', async (socket) => {
      sockets.push(new WeakRef(socket))
      socket.metadata.of = socket
      socket.onMessage(async (message) => void socket.send(message)).onClose(() => socket.id)
      await pause(1)
    })
    server.route('/refused/*', () => {})
    server.use((socket, { path }, next) => {
      if (!path.startsWith('/refused')) return next()
      sockets.push(new WeakRef(socket))
      socket.onMessage(() => socket.id)
      return false
    })
    for (let i = 0; i < COUNT; i++) {
      const { client } = await engine.join({ path: `/ends/${i}` })
      sendText(client, 'x')
      await nextText(client)
      client.destroy()
      const refused = await engine.open({ path: `/refused/${i}` })
      await refused.closeFrame()
      refused.destroy()
    }
    await eventually('all have ended', () => server.getConnections().length === 0)
    t.equal(sockets.length, 2 * COUNT)
    const left = (): number => sockets.filter((socket) => socket.deref() !== undefined).length
    await eventually('they are collected', () => {
      collectGarbage()
      // The one that was handled last may be in a register still.
      return left() <= 2
    })
  })
}

t.test('row 50: a connection without listeners pays one pointer for them', async (t) => {
  class Plain extends SocketEvents {}
  const bytesOf = (create: () => Plain): number => {
    const count = 20_000
    const kept = new Array<Plain | null>(count).fill(null)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < count; i++) kept[i] = create()
    collectGarbage()
    const after = process.memoryUsage().heapUsed
    return kept.length > 0 ? (after - before) / count : 0
  }
  bytesOf(() => new Plain())
  const plain = bytesOf(() => new Plain())
  const passed = bytesOf(() => {
    const socket = new Plain()
    socket.gate = new Gate(() => undefined)
    socket.gate = null
    return socket
  })
  t.comment(`${plain.toFixed(1)} bytes, ${passed.toFixed(1)} after a gate`)
  // 32 each; what is kept beside it would be 56 more. The heap around it moves a little.
  t.ok(plain < 60, `${plain} bytes`)
  t.ok(passed < 60, `${passed} bytes when it has passed its gate`)
})
