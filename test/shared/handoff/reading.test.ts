import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { drainRead, holdReading, releaseReading } from '../../../src/shared/handoff/reading.ts'

async function pair(t: Test): Promise<{ client: Socket; accepted: Socket }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return { client, accepted }
}

t.test('a TCP socket: what was read is drained, what comes later stays in the kernel', async (t) => {
  const { client, accepted } = await pair(t)
  client.write('early')
  await once(accepted, 'readable')
  holdReading(accepted)
  t.equal(drainRead(accepted, Buffer.from('head, ')).toString(), 'head, early')
  client.write('late')
  // Nothing tells when nothing has happened.
  await sleep(50)
  t.equal(accepted.bytesRead, 'early'.length)
  t.equal(drainRead(accepted, Buffer.from('head')).toString(), 'head')

  const reading = once(accepted, 'data')
  releaseReading(accepted)
  t.same(await reading, [Buffer.from('late')])
})

t.test('a held TCP socket that is released sees the end', async (t) => {
  const { client, accepted } = await pair(t)
  holdReading(accepted)
  client.end()
  const ended = once(accepted, 'end')
  releaseReading(accepted)
  await ended
  t.equal(accepted.writable, true, 'half-open')
})

t.test('another stream keeps its buffer and only pauses', async (t) => {
  const stream = new Duplex({ allowHalfOpen: false, read() {}, write() {} })
  const chunks: string[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()))
  holdReading(stream)
  stream.push('kept')
  t.equal(drainRead(stream, Buffer.from('head')).toString(), 'head')
  t.equal(stream.readableLength, 4)
  t.equal(stream.allowHalfOpen, true)
  releaseReading(stream)
  await once(stream, 'data')
  t.same(chunks, ['kept'])
})
