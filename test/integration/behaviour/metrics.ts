import { WebSocketServer } from '../../../src/index.ts'
import { nextText, sendText } from '../../fixtures/engine-under-test.ts'
import { eventually } from '../../fixtures/journal.ts'
import type { Behaviour } from './behaviour.ts'

export const metrics: Behaviour = (t, start) => {
  t.test('of the process and of each server', async (t) => {
    const [left, right] = [await start(t, {}), await start(t, {})]
    WebSocketServer.resetPerformanceMetrics()
    const here = await left.join()
    const there = await right.joinMany(2)
    sendText(here.client, '12345')
    for (const { client } of there) sendText(client, '123')
    await left.journal.messageCount(1)
    await right.journal.messageCount(2)
    right.server.broadcast('1234567')
    for (const { client } of there) await nextText(client)
    await eventually('all is counted', () => WebSocketServer.getPerformanceMetrics().messagesSent === 2)
    t.same(WebSocketServer.getPerformanceMetrics(), {
      connections: 3,
      messagesReceived: 3,
      messagesSent: 2,
      bytesReceived: 11,
      bytesSent: 14,
      compressionRatio: 0,
    })
    t.match(left.server.stats(), {
      connections: 1,
      totalConnections: 1,
      messagesReceived: 1,
      bytesReceived: 5,
      messagesSent: 0,
      bytesSent: 0,
    })
    t.match(right.server.stats(), {
      connections: 2,
      totalConnections: 2,
      messagesReceived: 2,
      bytesReceived: 6,
      messagesSent: 2,
      bytesSent: 14,
      handoffs: { adopted: 2, failed: 0, lost: 0, abandoned: 0 },
    })

    WebSocketServer.resetPerformanceMetrics()
    t.same(WebSocketServer.getPerformanceMetrics(), {
      connections: 3,
      messagesReceived: 0,
      messagesSent: 0,
      bytesReceived: 0,
      bytesSent: 0,
      compressionRatio: 0,
    })
    t.equal(right.server.stats().messagesReceived, 2, 'the figures of a server are its own')
    sendText(here.client, '12')
    await left.journal.messageCount(2)
    t.match(WebSocketServer.getPerformanceMetrics(), { connections: 3, messagesReceived: 1, bytesReceived: 2 })
  })

  t.test('totals outlive their server, connections do not', async (t) => {
    const engine = await start(t, {})
    WebSocketServer.resetPerformanceMetrics()
    const { client } = await engine.join()
    sendText(client, 'abc')
    await engine.journal.messageCount(1)
    await engine.stop()
    t.match(WebSocketServer.getPerformanceMetrics(), { connections: 0, messagesReceived: 1, bytesReceived: 3 })
  })

  t.test('bytes on the wire', async (t) => {
    const engine = await start(t, {})
    const { client, id } = await engine.join()
    sendText(client, 'abc')
    await engine.journal.messageCount(1)
    engine.server.send(id, 'defgh')
    await nextText(client)
    // A masked frame has six bytes of header, an unmasked one two.
    await eventually('wire bytes', () => engine.server.stats().wireBytesOut === 7)
    t.equal(engine.server.stats().wireBytesIn, 9)
    t.equal(engine.server.stats().queuedBytes, 0)
  })
}
