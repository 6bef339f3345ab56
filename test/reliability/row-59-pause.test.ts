import t from 'tap'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'
import { withRowServer } from './row-server.ts'

const STALL_MS = 250
const KILL_MS = 600
const PAUSE_MS = 2 * KILL_MS

t.test('row 8 59: a pause of the whole process kills nobody and closes nothing', async (t) => {
  const options = { stallMs: STALL_MS, killMs: KILL_MS, pingIntervalMs: 200, livenessMs: 600, idleTimeoutMs: 800 }
  await withRowServer(t, { options }, async (server) => {
    const clients = await server.connectMany(20)
    const talking = setInterval(() => {
      for (const client of clients) sendText(client, 'x')
    }, 50)
    await server.pause(PAUSE_MS)
    for (const client of clients) {
      sendText(client, 'last')
      while ((await nextText(client)) !== 'last');
    }
    clearInterval(talking)
    const { stats, closes, open } = await server.seen()
    t.match(stats, { shardDeaths: 0, timeouts: { liveness: 0, idle: 0 } })
    t.equal(stats.limits.stallMs, undefined)
    t.equal(closes.length, 8, 'those of the warm-up')
    t.equal(open, 22)
  })
})
