/** Whose pong is behind megabytes that he reads steadily is alive; who stops reading is not. */
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { onEachStrategy, type Strategy } from '../fixtures/moves/traffic.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'

const LIVENESS = { pingIntervalMs: 300, livenessMs: 1200 }
const MESSAGE = Buffer.alloc(1024 * 1024)
/** Far beyond what the kernel holds for a reader as slow as this one. */
const MESSAGES = 64
const BYTES_PER_MS = 5000
const LASTS_MS = 2 * LIVENESS.livenessMs

/** A client that reads a piece at a time, at a steady rate whatever the timers do, and never says anything. */
class SlowReader {
  readonly #socket: Socket
  readonly #sinceMs = performance.now()
  #isStopped = false
  #bytes = 0

  constructor(t: Test, port: number) {
    this.#socket = connect(port, '127.0.0.1').on('error', () => {})
    this.#socket.write(upgradeRequest())
    this.#socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length
      if (this.#isAhead) this.#socket.pause()
    })
    const timer = setInterval(() => {
      if (!this.#isAhead) this.#socket.resume()
    }, 5)
    t.teardown(() => {
      clearInterval(timer)
      this.#socket.destroy()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#socket.pause()
  }

  get #isAhead(): boolean {
    return this.#isStopped || this.#bytes > (performance.now() - this.#sinceMs) * BYTES_PER_MS
  }
}

async function start(t: Test, handoff: Strategy): Promise<{ engine: EngineUnderTest; reader: SlowReader; id: string }> {
  const maxBackpressure = MESSAGES * MESSAGE.length
  const limits = { maxBackpressure, maxShardBackpressure: 2 * maxBackpressure, slowConsumer: 'buffer' } as const
  const engine = await EngineUnderTest.start(t, { handoff, shards: 1, ...LIVENESS, ...limits })
  const reader = new SlowReader(t, engine.port)
  const { id } = await engine.journal.until('the connection', () => engine.journal.connections[0])
  for (let sent = 0; sent < MESSAGES; sent++) engine.server.send(id, MESSAGE)
  return { engine, reader, id }
}

t.test('row 81: who reads slowly and steadily is not cut; once he stops he is, after livenessMs', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const { engine, reader, id } = await start(t, handoff)
    const peer = engine.peer(id)
    await eventually('output waits', () => peer.bufferedAmount > 0)
    await new Promise((resolve) => setTimeout(resolve, LASTS_MS))
    t.same(engine.journal.closes, [], 'he was silent for twice as long as he may')
    t.ok(peer.bufferedAmount > 0, 'and output has waited all the time')
    reader.stop()
    t.match(await engine.journal.closeOf(id), { code: 1006, reason: 'liveness timeout' })
    t.match(engine.server.stats(), { queuedBytes: 0, timeouts: { liveness: 1 } })
  }),
)

t.test('row 31: who reads nothing at all is cut, whatever is sent to him', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const { engine, reader, id } = await start(t, handoff)
    reader.stop()
    const timer = setInterval(() => engine.server.send(id, 'more'), 20)
    t.teardown(() => clearInterval(timer))
    t.match(await engine.journal.closeOf(id), { code: 1006, reason: 'liveness timeout' })
  }),
)
