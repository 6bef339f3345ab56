/** The ladder of row 39 where it counts: the kernel ends the process that takes more than its container has. */
import t from 'tap'
import type { Health } from '../../src/index.ts'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { MemoryAttack } from './memory-attack.ts'
import { MemoryCgroup } from './memory-cgroup.ts'
import { withRowServer } from './row-server.ts'

const MIB = 1024 ** 2
const LIMIT = 256 * MIB
/** Of the attack, at least. The catalogue asks for ten minutes: `ROW_39_SECONDS=600 npx tap --timeout=700` with this file. */
const SECONDS = Number(process.env.ROW_39_SECONDS ?? 3)
/** As docs/guides/deployment.md has it: what is freed is no longer resident, and newcomers can be let in again. */
const ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: `${64 * 1024}` }
/** No other limit helps, and nobody has told it how much there is. */
const OPTIONS = { slowConsumer: 'buffer', maxShardBackpressure: 64 * LIMIT, compression: 'dedicated' } as const

t.test(
  'row 39: in a container that is too small for its attackers the process lives and serves who reads',
  { skip: MemoryCgroup.whyNot(), timeout: (SECONDS + 60) * 1000 },
  async (t) => {
    const cgroup = new MemoryCgroup(LIMIT)
    t.teardown(() => cgroup.remove())
    const spec = { options: OPTIONS, env: ENVIRONMENT, launcher: cgroup.launcher }
    await withRowServer(t, spec, async (server) => {
      const before = (await server.seen()).stats
      t.equal(before.memory.limitBytes, LIMIT, 'it has found its limit by itself')
      const attack = new MemoryAttack(server.port)
      await attack.run(SECONDS * 1000, async () => {
        const { failures } = (await server.seen()).stats
        return attack.refused > 0 && failures.reasons.MEMORY_SHED !== undefined
      })

      const { memory, limits, rejected, failures } = (await server.seen()).stats
      const peak = (cgroup.peakBytes / MIB).toFixed(0)
      t.comment(`${attack.opened} attackers let in, ${attack.refused} refused, ${peak} MiB at most`, memory.steps)
      t.equal(cgroup.kills, 0, 'the kernel has ended nobody')
      t.ok(memory.steps.queues > 0, `memory was short ${memory.steps.queues} times`)
      t.equal(attack.refused, rejected.total, 'who was refused is counted')
      t.same(Object.keys(rejected.reasons), ['MEMORY_SHORT'])
      const shed = failures.reasons.MEMORY_SHED ?? 0
      t.ok(shed > 0, `${shed} were closed for what they did not read`)
      const steps = Object.values(memory.steps).reduce((sum, count) => sum + count, 0)
      t.equal(limits.maxMemoryBytes, steps + shed + rejected.total, 'all by the option')

      while (!(await server.call<Health>('health')).ready) await server.usage()
      const newcomer = await RawClient.connect({ port: server.port })
      sendText(newcomer, 'and now?')
      t.equal(await nextText(newcomer), 'and now?', 'newcomers are let in again')
      newcomer.destroy()
    })
  },
)
