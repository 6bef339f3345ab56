import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import type { RunningShard, ShardSetup } from '../../src/main/running-shard.ts'
import { Supervisor } from '../../src/main/supervisor.ts'
import { ConnectionTable } from '../../src/shared/connection-table.ts'
import { Counters } from '../../src/shared/counters.ts'
import { RoomInterest } from '../../src/shared/room-interest.ts'
import { deferred } from '../fixtures/deferred.ts'
import { eventually } from '../fixtures/journal.ts'
import { type Puppet, puppets } from '../fixtures/shards/puppet-shard.ts'
import { shardUrl } from '../fixtures/shards/shard-orders.ts'

const INDEX = new URL('../../src/index.js', import.meta.url).href

for (const shards of [0, 1, 3]) {
  t.test(`a shutdown before ${shards} shards have started leaves nothing that keeps the process alive`, async (t) => {
    const script = `
      import { WebSocketServer } from '${INDEX}'
      await new WebSocketServer({ shards: ${shards}, execArgv: [] }).shutdown()
      console.log('shut down')`
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    const deadline = setTimeout(() => child.kill('SIGKILL'), 20_000)
    const [code, signal] = await once(child, 'exit')
    clearTimeout(deadline)
    t.same([code, signal, output.trim()], [0, null, 'shut down'])
  })
}

/** Shards without threads, whose start, readiness and death the test decides about. */
interface Stage {
  readonly supervisor: Supervisor
  readonly events: string[]
  /** The shard that was started as the n-th one. */
  puppet(number: number): Promise<Puppet>
  /** From now on nobody is started before what is returned is called. */
  holdStarts(): (failure?: Error) => void
}

function stage(t: Test, seats: number, spareRows = 1): Stage {
  puppets.length = 0
  const events: string[] = []
  let strategy: Promise<'local'> = Promise.resolve('local')
  const rows = seats + spareRows
  const setup = {
    options: resolveOptions({ shards: seats, shardUrl: shardUrl('puppet'), stallMs: 600_000 }),
    get strategy() {
      return strategy
    },
    table: ConnectionTable.allocate(1),
    counters: Counters.allocate(rows),
    observer: {},
    interest: RoomInterest.allocate(rows, 1),
    modules: { urls: [] },
    rows,
  }
  const supervisor = new Supervisor(setup as unknown as ShardSetup, seats, {
    onShardCreated: () => {},
    onSeatsChanged: () => {},
    onShardGone: ({ index }, how) => events.push(`${how} ${index}`),
    onShardEvent: ({ kind, shard }) => events.push(`${kind} ${shard}`),
  })
  t.teardown(() => supervisor.stop(1000))
  return {
    supervisor,
    events,
    async puppet(number) {
      await eventually(`start ${number}`, () => puppets.length > number)
      return puppets[number] as Puppet
    },
    holdStarts() {
      const gate = deferred<'local'>()
      strategy = gate.promise
      return (failure) => {
        strategy = Promise.resolve('local')
        if (failure === undefined) gate.resolve('local')
        else gate.reject(failure)
      }
    },
  }
}

async function adopting(stage: Stage, count: number): Promise<void> {
  for (let number = 0; number < count; number++) (await stage.puppet(number)).adopt()
  await stage.supervisor.ready()
}

/** Its replacement is not there before what is returned is called; that waits until it, being too late, has ended. */
async function beginRestart(
  { supervisor, events, puppet, holdStarts }: Stage,
  shard: number,
): Promise<() => Promise<void>> {
  const go = holdStarts()
  ;(await puppet(shard)).die()
  await eventually('its death is known', () => events.includes(`exited ${shard}`))
  return async () => {
    go()
    const late = await puppet(2)
    await eventually('it is told to end', () => late.wasStopped)
    await eventually('and is gone', () => supervisor.shards.length === 1)
  }
}

function indices(supervisor: Supervisor): number[] {
  return supervisor.shards.map(({ index }) => index)
}

t.test('a restart that is under way when a successor gets the seat is not wanted any more', async (t) => {
  const all = stage(t, 1)
  const { supervisor, puppet, holdStarts, events } = all
  await adopting(all, 1)
  const go = await beginRestart(all, 0)
  t.same(supervisor.seats, [null])
  const goOn = holdStarts()
  const succeeding = supervisor.succeed(0)
  goOn()
  const successor = await puppet(1)
  successor.adopt()
  t.equal((await succeeding).former, null)
  await go()
  t.same([supervisor.seats[0]?.index, successor.wasStopped], [successor.index, false])
  t.same(
    events.filter((event) => event.startsWith('started')),
    ['started 0', `started ${successor.index}`],
  )
})

t.test('a restart that is under way when its seat is removed leaves no shard behind', async (t) => {
  const all = stage(t, 2)
  const { supervisor } = all
  await adopting(all, 2)
  const go = await beginRestart(all, 1)
  t.same(supervisor.shrink(1), [])
  await go()
  t.same(indices(supervisor), [0])
})

t.test('a degraded seat is not degraded with a successor, and its row is free again', async (t) => {
  const all = stage(t, 1)
  const { supervisor, puppet, events } = all
  await adopting(all, 1)
  let started = 0
  const exhaust = async (): Promise<void> => {
    for (let death = 0; death < 4; death++) {
      const current = await puppet(started++)
      if (death > 0) current.adopt()
      await eventually('it adopts', () => supervisor.seats[0]?.isRunning === true)
      const before = events.length
      current.die()
      await eventually('its death is known', () => events.slice(before).includes(`exited ${current.index}`))
    }
    t.same([supervisor.degraded, supervisor.shards], [1, []])
  }
  // With two rows, as one too few would show at the third time.
  for (let round = 0; round < 3; round++) {
    await exhaust()
    const succeeding = supervisor.succeed(0)
    ;(await puppet(started)).adopt()
    t.equal((await succeeding).former, null)
    t.same([supervisor.degraded, supervisor.isDegraded(0)], [0, false])
  }
})

t.test('a shard that dies while it retires is forgotten, and its row is free', async (t) => {
  const all = stage(t, 2)
  const { supervisor, puppet, events } = all
  await adopting(all, 2)
  const [retiring] = supervisor.shrink(1)
  ;(await puppet(1)).die()
  await eventually('its death is known', () => events.includes('exited 1'))
  t.same(indices(supervisor), [0])
  await supervisor.retire(retiring as RunningShard, 0)
  t.same(
    events.filter((event) => event.endsWith(' 1')),
    ['started 1', 'died 1', 'exited 1'],
  )
  for (let grown = 0; grown < 2; grown++) {
    const growing = supervisor.grow()
    ;(await puppet(2 + grown)).adopt()
    await growing
  }
  t.same(indices(supervisor).sort(), [0, 1, 2])
})

t.test('a stop ends shards that are not ready yet, and whoever waits for them gets SERVER_CLOSED', async (t) => {
  const all = stage(t, 1, 2)
  const { supervisor, puppet, events } = all
  await adopting(all, 1)
  const waiting = [
    t.rejects(supervisor.succeed(0), { code: 'SERVER_CLOSED' }),
    t.rejects(supervisor.grow(), { code: 'SERVER_CLOSED' }),
  ]
  const started = [await puppet(0), await puppet(1), await puppet(2)]
  const stopped = supervisor.stop(60_000)
  await Promise.all(waiting)
  await stopped
  t.ok(started.every(({ wasStopped }) => wasStopped))
  t.same(supervisor.shards, [])
  t.same(events.slice(1).sort(), ['stopped 0', 'stopped 1', 'stopped 2'])
  await t.rejects(supervisor.grow(), { code: 'SERVER_CLOSED' })
})

t.test('a successor that cannot start changes nothing', async (t) => {
  const all = stage(t, 1)
  const { supervisor, puppet } = all
  await adopting(all, 1)
  for (const number of [1, 2]) {
    const failing = t.rejects(supervisor.succeed(0), { code: 'SHARD_START_FAILED' })
    ;(await puppet(number)).die()
    await failing
    await eventually('it is gone', () => supervisor.shards.length === 1)
  }
  t.equal(supervisor.seats[0]?.index, 0)
})

const NO_THREAD = new Error('there is no thread for it')

t.test('nor does one that cannot even be created, and its row is free again', async (t) => {
  const all = stage(t, 1)
  const { supervisor, puppet, holdStarts } = all
  await adopting(all, 1)
  for (let time = 0; time < 2; time++) {
    const go = holdStarts()
    const failing = t.rejects(supervisor.succeed(0), NO_THREAD)
    go(NO_THREAD)
    await failing
  }
  t.same(indices(supervisor), [0])
  const succeeding = supervisor.succeed(0)
  ;(await puppet(1)).adopt()
  await succeeding
})

t.test('a restart that fails when it is not wanted any more leaves its row free', async (t) => {
  const all = stage(t, 1)
  const { supervisor, puppet, holdStarts, events } = all
  await adopting(all, 1)
  const failRestart = holdStarts()
  ;(await puppet(0)).die()
  await eventually('its death is known', () => events.includes('exited 0'))
  for (const number of [1, 2]) {
    const go = holdStarts()
    const succeeding = supervisor.succeed(0)
    go()
    ;(await puppet(number)).adopt()
    await succeeding
    failRestart(NO_THREAD)
    await turn()
  }
  t.same(
    events.filter((event) => event.startsWith('exited')),
    ['exited 0'],
  )
})
