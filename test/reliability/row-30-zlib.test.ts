import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { DeflateContext } from '../fixtures/deflate-context.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const THREADS = 2
const LONG = Buffer.alloc(1024 * 1024, 'compress me ')
const SHORT = Buffer.alloc(1024, 'and me ')
const CONNECTION = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }

for (const mode of ['shared', 'dedicated'] as const) {
  t.test(`row 30: with no thread of libuv's pool free every message is compressed all the same, ${mode}`, async (t) => {
    const pipe = join(t.testdir(), 'pipe')
    execFileSync('mkfifo', [pipe])
    const env = { UV_THREADPOOL_SIZE: String(THREADS) }
    await withRowServer(t, { app: 'pool', env, options: { compression: mode } }, async (server) => {
      const connections = await Promise.all(
        Array.from({ length: 4 }, async () => ({ ...(await server.join(CONNECTION)), roundTrips: [] as number[] })),
      )
      const [busy] = connections.map(({ shard }) => shard)
      const isBusy = ({ shard }: { shard: number }): boolean => shard === busy
      t.equal(connections.filter(isBusy).length, 2)
      await server.call('block', pipe, THREADS)
      await Promise.all(
        connections.map(async (connection) => {
          const { client, roundTrips } = connection
          const context = new DeflateContext(client.extensions ?? '')
          // One shard compresses a mebibyte at a time, the other one a kilobyte meanwhile.
          const [payload, turns] = isBusy(connection) ? [LONG, 6] : [SHORT, 100]
          for (let turn = 0; turn < turns; turn++) {
            const sentMs = performance.now()
            t.ok((await echo(client, context, payload)).equals(payload))
            roundTrips.push(performance.now() - sentMs)
          }
        }),
      )
      t.equal(await server.call('isBlocked'), true, 'and the pool has not done anything meanwhile')
      const short = connections
        .filter((each) => !isBusy(each))
        .flatMap(({ roundTrips }) => roundTrips)
        .sort((a, b) => a - b)
      t.comment(`1 KiB: p50 ${short[100]?.toFixed(2)} ms, p99 ${short[198]?.toFixed(2)} ms beside messages of 1 MiB`)
      await server.call('release', pipe)
    })
  })
}

async function echo(client: RawClient, context: DeflateContext, payload: Buffer): Promise<Buffer> {
  client.sendFrame({ opcode: RawOpcode.Binary, rsv: 4, payload: context.deflate(payload) })
  const { payload: body, isCompressed } = await client.nextMessage()
  if (isCompressed !== true) throw new Error('the answer is not compressed')
  return context.inflate(body)
}
