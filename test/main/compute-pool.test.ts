import { getEventListeners } from 'node:events'
import t, { type Test } from 'tap'
import { type ComputeOptions, resolveCompute } from '../../src/main/compute-options.ts'
import { ComputePool } from '../../src/main/compute-pool.ts'
import { LimitLog } from '../../src/main/limit-log.ts'
import { Gate } from '../fixtures/compute/gate.ts'
import { type ComputeModule, computeModule } from '../fixtures/compute/module-url.ts'
import type { Task } from '../fixtures/compute/tasks.ts'
import { eventually } from '../fixtures/journal.ts'
import { threadCount } from '../fixtures/process-resources.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

interface Computing {
  readonly pool: ComputePool
  readonly log: RecordingLogger
  run(task: Task): Promise<unknown>
}

function start(t: Test, options: Partial<ComputeOptions> = {}, module: ComputeModule = 'tasks'): Computing {
  const log = new RecordingLogger()
  const resolved = resolveCompute({ filename: computeModule(module), ...options }, [])
  const pool = new ComputePool(resolved, log, new LimitLog(log))
  t.teardown(() => pool.close(AbortSignal.abort()))
  return { pool, log, run: (task) => pool.run(task) }
}

/** Occupies a thread. */
async function hold({ run }: Computing): Promise<{ gate: Gate; result: Promise<unknown> }> {
  const gate = new Gate()
  const result = run(gate.task)
  await gate.begun()
  return { gate, result }
}

const echo = (value: unknown): Task => ({ act: 'echo', value })

t.test('no thread before the first task; the answer of the default export, and of another one by name', async (t) => {
  const computing = start(t)
  t.equal(computing.pool.stats().threads, 0)
  t.same(await computing.run(echo({ list: [1, 'two', new Date(3)] })), { list: [1, 'two', new Date(3)] })
  t.equal(await computing.pool.run(21, { name: 'double' }), 42)
  t.equal(computing.pool.stats().threads, 1)
  await t.rejects(computing.pool.run(1, { name: 'absent' }), { message: /absent|No handler/ })
  t.match(computing.pool.stats(), { completed: 2, failed: 1, running: 0, queued: 0 })
})

t.test('the transferred buffer is handed over, not copied', async (t) => {
  const { pool } = start(t)
  const bytes = new Uint8Array([1, 2, 3])
  t.same(await pool.run(echo(bytes), { transferList: [bytes.buffer] }), new Uint8Array([1, 2, 3]))
  t.equal(bytes.byteLength, 0)
})

t.test('as many tasks at once as threads, the others in the order of their coming', async (t) => {
  const computing = start(t, { maxThreads: 2 })
  const [first, second] = [await hold(computing), await hold(computing)]
  const order: unknown[] = []
  const others = [1, 2, 3, 4].map((value) => computing.run(echo(value)).then((result) => order.push(result)))
  t.match(computing.pool.stats(), { threads: 2, running: 2, queued: 4 })
  first.gate.release()
  t.equal(await first.result, 'released')
  await Promise.all(others)
  t.same(order, [1, 2, 3, 4])
  second.gate.release()
  t.equal(await second.result, 'released')
  t.match(computing.pool.stats(), { threads: 2, running: 0, queued: 0, completed: 6 })
})

t.test('what a task throws is its answer, and the thread goes on', async (t) => {
  const { pool, run } = start(t, { maxThreads: 1 })
  await t.rejects(run({ act: 'throw' }), { name: 'RangeError', message: 'ordered to throw' })
  t.equal(await run({ act: 'thread' }), 2, 'it remembers the call before')
  await t.rejects(run(echo(() => {})), { name: 'DataCloneError' })
  t.equal(await run({ act: 'thread' }), 3)
  t.match(pool.stats(), { threads: 1, completed: 2, failed: 2 })
})

for (const act of ['exit', 'crash', 'unclonable'] as const) {
  t.test(`a thread that ends by ${act} fails its own task only`, async (t) => {
    const computing = start(t, { maxThreads: 2 })
    const { gate, result } = await hold(computing)
    const [doomed, ...behind] = [computing.run({ act }), computing.run(echo(1)), computing.run(echo(2))]
    const message =
      /^a compute thread ended: .*(exited with code: 3|ordered to crash|could not be cloned|cannot be copied)/s
    await t.rejects(doomed!, { code: 'COMPUTE_FAILED', message })
    t.same(await Promise.all(behind), [1, 2])
    gate.release()
    t.equal(await result, 'released')
    t.match(computing.pool.stats(), { completed: 3, failed: 1 })
    t.equal(computing.log.records.filter(({ level }) => level === 'error').length, 1)
  })
}

for (const act of ['late-crash', 'late-exit'] as const) {
  t.test(`a thread that ends idle, by ${act}, is replaced when it is needed`, async (t) => {
    const { pool, run, log } = start(t, { maxThreads: 1 })
    const gate = new Gate()
    t.equal(await run({ act, gate: gate.cells }), 1)
    gate.release()
    await eventually('it is gone', () => pool.stats().threads === 0)
    t.equal(await run({ act: 'thread' }), 1, 'a new one')
    t.match(pool.stats(), { threads: 1, completed: 2, failed: 0 })
    t.equal(log.records.filter(({ level }) => level === 'error').length, 1)
  })
}

t.test('a thread that is out of memory fails its task, not the process', async (t) => {
  const { run } = start(t, { maxThreads: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } })
  await t.rejects(run({ act: 'leak' }), { code: 'COMPUTE_FAILED', cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } })
  t.equal(await run(echo(1)), 1)
})

for (const [maxThreads, maxQueue] of [
  [1, 0],
  [1, 3],
  [2, 2],
] as const) {
  t.test(
    `maxQueue ${maxQueue}, ${maxThreads} threads: one more is COMPUTE_QUEUE_FULL, threads starting or not`,
    async (t) => {
      const computing = start(t, { maxThreads, maxQueue })
      const { pool, run, log } = computing
      for (const isWarm of [false, true]) {
        const gates = Array.from({ length: maxThreads + maxQueue }, () => new Gate())
        const results = gates.map((gate) => run(gate.task))
        await t.rejects(run(echo('late')), { code: 'COMPUTE_QUEUE_FULL', message: /compute\.maxQueue/ })
        await Promise.all(gates.slice(0, maxThreads).map((gate) => gate.begun()))
        await t.rejects(run(echo('late')), { code: 'COMPUTE_QUEUE_FULL' })
        t.match(pool.stats(), { running: maxThreads, queued: maxQueue, rejected: isWarm ? 4 : 2 })
        for (const gate of gates) gate.release()
        t.same(new Set(await Promise.all(results)), new Set(['released']))
        t.equal(await run(echo('then')), 'then')
      }
      t.match(log.records.find(({ message }) => message === 'limit reached: compute.maxQueue')?.details, {
        option: 'compute.maxQueue',
        code: 'COMPUTE_QUEUE_FULL',
      })
    },
  )
}

t.test('an aborted task that waits leaves the queue; the others keep their places', async (t) => {
  const computing = start(t, { maxThreads: 1, maxQueue: 2 })
  const { pool, run } = computing
  const { gate, result } = await hold(computing)
  const controller = new AbortController()
  const aborted = pool.run(echo('aborted'), { signal: controller.signal })
  const kept = run(echo('kept'))
  await t.rejects(run(echo('late')), { code: 'COMPUTE_QUEUE_FULL' })
  controller.abort()
  await t.rejects(aborted, { name: 'AbortError' })
  const next = run(echo('next'))
  gate.release()
  t.same(await Promise.all([result, kept, next]), ['released', 'kept', 'next'])
  t.match(pool.stats(), { threads: 1, completed: 3, aborted: 1, rejected: 1 })
})

t.test('an aborted task that runs ends its thread; the queue goes on with a new one', async (t) => {
  const { pool, run } = start(t, { maxThreads: 1 })
  const controller = new AbortController()
  const looping = pool.run({ act: 'loop' }, { signal: controller.signal })
  await eventually('it runs', () => pool.stats().running === 1)
  const behind = run({ act: 'thread' })
  const reason = new Error('the client has left')
  controller.abort(reason)
  await t.rejects(looping, reason)
  t.equal(await behind, 1)
  t.match(pool.stats(), { threads: 1, completed: 1, aborted: 1, failed: 0 })
  t.ok(pool.stats().runMs.max > 0)
})

t.test('aborted tasks do not keep a cold pool from starting', async (t) => {
  const { pool } = start(t, { maxThreads: 1 }, 'loads-slowly')
  const signal = AbortSignal.timeout(100)
  await t.rejects(pool.run('impatient', { signal }), { name: 'TimeoutError' })
  t.match(pool.stats(), { threads: 1, queued: 0, aborted: 1 })
  t.equal(await pool.run('patient'), 'patient')
})

t.test('a signal that is aborted already starts nothing; one that outlives its tasks is left as it was', async (t) => {
  const { pool } = start(t)
  const reason = new Error('no need')
  await t.rejects(pool.run(echo(1), { signal: AbortSignal.abort(reason) }), reason)
  t.match(pool.stats(), { threads: 0, aborted: 1 })
  const { signal } = new AbortController()
  for (let i = 0; i < 20; i++) t.equal(await pool.run(echo(i), { signal }), i)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('one signal for many tasks: all of them are aborted, and Node has nothing to warn of', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error): number => warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const computing = start(t, { maxThreads: 1 })
  const { pool, run } = computing
  const controller = new AbortController()
  const { signal } = controller
  const looping = pool.run({ act: 'loop' }, { signal })
  await eventually('it runs', () => pool.stats().running === 1)
  const results = [looping, ...Array.from({ length: 30 }, (_, i) => pool.run(echo(i), { signal }))]
  t.equal(getEventListeners(signal, 'abort').length, 1)
  controller.abort()
  for (const result of results) await t.rejects(result, { name: 'AbortError' })
  t.match(pool.stats(), { threads: 0, running: 0, queued: 0, aborted: 31 })
  t.equal(await run(echo('then')), 'then')
  t.same(warnings, [])
})

t.test('taskTimeoutMs ends a task that runs too long, counted from its beginning', async (t) => {
  const { pool, run, log } = start(t, { maxThreads: 1, taskTimeoutMs: 200 })
  const looping = run({ act: 'loop' })
  const behind = [run(echo(1)), run(echo(2))]
  await t.rejects(looping, { code: 'COMPUTE_TIMEOUT', message: /compute\.taskTimeoutMs/ })
  t.same(await Promise.all(behind), [1, 2], 'they have waited for longer')
  t.match(pool.stats(), { completed: 2, timedOut: 1, failed: 0, aborted: 0 })
  t.ok(pool.stats().waitMs.max >= 200)
  t.equal(log.records.filter(({ message }) => message === 'limit reached: compute.taskTimeoutMs').length, 1)
})

t.test('taskTimeoutMs does not count the start of a thread', async (t) => {
  const { pool } = start(t, { taskTimeoutMs: 200 }, 'loads-slowly')
  t.equal(await pool.run('in time'), 'in time')
})

for (const [module, cause] of [
  ['throws-at-import', /this module is broken/],
  ['exits-at-import', /exited/],
  ['never-loads', /not loaded within 300 ms/],
] as const) {
  t.test(`${module}: every waiting task is rejected, and for a second no thread is started`, async (t) => {
    const { pool, run, log } = start(
      t,
      { maxThreads: 2, startTimeoutMs: module === 'never-loads' ? 300 : 30_000 },
      module,
    )
    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => run(echo(i))))
    for (const result of results) {
      t.match(result, {
        status: 'rejected',
        reason: { code: 'COMPUTE_FAILED', message: /^a compute thread could not start: /, cause: { message: cause } },
      })
    }
    t.match(pool.stats(), { threads: 0, running: 0, queued: 0, failed: 10 })
    const errors = log.records.filter(({ level }) => level === 'error').length
    t.equal(errors, 2)
    await t.rejects(run(echo('soon')), { code: 'COMPUTE_FAILED' })
    t.match(pool.stats(), { threads: 0, failed: 11 })
    t.equal(log.records.filter(({ level }) => level === 'error').length, errors, 'no other start')
  })
}

t.test('idle threads end after idleTimeoutMs, except minThreads of them', async (t) => {
  const computing = start(t, { maxThreads: 3, minThreads: 1, idleTimeoutMs: 50 })
  const held = [await hold(computing), await hold(computing), await hold(computing)]
  t.equal(computing.pool.stats().threads, 3)
  for (const { gate, result } of held) {
    gate.release()
    await result
  }
  await eventually('two have ended', () => computing.pool.stats().threads === 1)
  t.equal(await computing.run({ act: 'thread' }), 2, 'the one that is left')
  t.equal(computing.pool.stats().threads, 1)
})

t.test('wait and run times', async (t) => {
  const computing = start(t, { maxThreads: 1 })
  t.same([computing.pool.stats().waitMs, computing.pool.stats().runMs], new Array(2).fill({ mean: 0, max: 0 }))
  await computing.run(echo(1))
  const { gate, result } = await hold(computing)
  await new Promise((resolve) => setTimeout(resolve, 60))
  gate.release()
  await result
  const { runMs, waitMs } = computing.pool.stats()
  t.ok(runMs.max >= 60 && runMs.mean >= 30 && runMs.mean < runMs.max, JSON.stringify(runMs))
  t.ok(waitMs.max > 0 && waitMs.mean > 0 && waitMs.mean < waitMs.max, JSON.stringify(waitMs))
})

t.test('close: what waits is rejected at once, what runs may finish, then nothing is taken', async (t) => {
  const computing = start(t, { maxThreads: 1 })
  const { pool, run } = computing
  const { gate, result } = await hold(computing)
  const waiting = run(echo(1))
  const closed = pool.close(new AbortController().signal)
  await t.rejects(waiting, { code: 'SERVER_CLOSED' })
  await t.rejects(run(echo(2)), { code: 'SERVER_CLOSED' })
  gate.release()
  t.equal(await result, 'released')
  await closed
  t.match(pool.stats(), { threads: 0, completed: 1, aborted: 1 })
})

t.test('close: what still runs at the deadline is aborted', async (t) => {
  const { pool, run } = start(t, { maxThreads: 2 })
  const before = threadCount()
  const looping = [run({ act: 'loop' }), run({ act: 'loop' })]
  await eventually('they run', () => pool.stats().running === 2)
  const closed = pool.close(AbortSignal.timeout(20))
  for (const each of looping) await t.rejects(each, { code: 'SERVER_CLOSED' })
  await closed
  await eventually('no thread is left', () => threadCount() <= before)
  t.match(pool.stats(), { threads: 0, aborted: 2 })
})

t.test('close while a thread starts, and close without any', async (t) => {
  const { pool, run } = start(t, {}, 'never-loads')
  const waiting = run(echo(1))
  t.equal(pool.stats().threads, 1)
  const closed = pool.close(new AbortController().signal)
  await t.rejects(waiting, { code: 'SERVER_CLOSED' })
  await closed
  t.equal(pool.stats().threads, 0)
  const unused = new ComputePool(null, new RecordingLogger(), new LimitLog(new RecordingLogger()))
  await t.rejects(unused.run(1), { code: 'OPTION_INVALID', message: /^options\.compute is missing/ })
  await unused.close(new AbortController().signal)
})

t.test('arguments of the wrong kind are ARGUMENT_INVALID', async (t) => {
  const { pool } = start(t)
  for (const [options, name] of [
    [null, 'options'],
    ['x', 'options'],
    [{ signal: {} }, 'options.signal'],
    [{ transferList: new ArrayBuffer(1) }, 'options.transferList'],
    [{ name: 1 }, 'options.name'],
  ] as const)
    await t.rejects(pool.run(1, options as never), {
      code: 'ARGUMENT_INVALID',
      message: new RegExp(`^${name} must be`),
    })
  t.match(pool.stats(), { threads: 0, failed: 0 })
})

t.test('a thousand tasks, a third of them aborted at any time: every one is answered once', async (t) => {
  const { pool } = start(t, { maxThreads: 2 })
  const results = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, i) => {
      const controller = new AbortController()
      if (i % 3 === 0) setTimeout(() => controller.abort(), i % 50)
      return pool.run(echo(i), { signal: controller.signal })
    }),
  )
  results.forEach((result, i) => {
    if (result.status === 'fulfilled') t.equal(result.value, i)
    else if (i % 3 !== 0) t.fail(`${i} was rejected: ${result.reason}`)
  })
  const { completed, aborted, failed, running, queued } = pool.stats()
  t.same([completed + aborted, failed, running, queued], [1000, 0, 0, 0])
})
