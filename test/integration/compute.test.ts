import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { ComputeOptions, WebSocketServerOptions } from '../../src/index.ts'
import { Gate } from '../fixtures/compute/gate.ts'
import { type ComputeModule, computeModule } from '../fixtures/compute/module-url.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { openDescriptors, threadCount } from '../fixtures/process-resources.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

interface Options extends Partial<ComputeOptions> {
  readonly module?: ComputeModule
}

function options({ module = 'tasks', ...compute }: Options = {}): WebSocketServerOptions {
  return { shards: 1, compute: { filename: computeModule(module), ...compute } }
}

function start(t: Test, given?: Options): Promise<EngineUnderTest> {
  return EngineUnderTest.start(t, options(given))
}

t.test('while a task of one connection runs, main serves the others', async (t) => {
  const engine = await start(t, { maxThreads: 1 })
  const { server } = engine
  const gate = new Gate()
  server.on('message', async (id, message) => {
    const answer = message.toString() === 'compute' ? await server.compute.run(gate.task) : message
    server.send(id, answer as string)
  })
  const [heavy, light] = await engine.joinMany(2)
  sendText(heavy!.client, 'compute')
  await gate.begun()
  for (const text of ['one', 'two', 'three']) {
    sendText(light!.client, text)
    t.equal(await nextText(light!.client), text)
  }
  t.match(server.stats().compute, { threads: 1, running: 1, completed: 0 })
  gate.release()
  t.equal(await nextText(heavy!.client), 'released')
  t.match(server.stats().compute, { threads: 1, running: 0, completed: 1 })
})

t.test('what a task rejects with is an error of the connection whose listener did not catch it', async (t) => {
  const engine = await start(t)
  const { server } = engine
  server.on('message', async () => void (await server.compute.run({ act: 'throw' })))
  const { client, id } = await engine.join()
  sendText(client, 'go')
  const { error } = await engine.journal.until('an error', () => engine.journal.errors.find((each) => each.id === id))
  t.equal(error.message, 'ordered to throw')
  t.match(server.stats(), { errors: { handler: 1 }, compute: { failed: 1 }, connections: 1 })
})

t.test('limits that were reached are counted by their options', async (t) => {
  const engine = await start(t, { maxThreads: 1, maxQueue: 0, taskTimeoutMs: 100 })
  const { compute } = engine.server
  const looping = compute.run({ act: 'loop' })
  await t.rejects(compute.run({ act: 'thread' }), { code: 'COMPUTE_QUEUE_FULL' })
  await t.rejects(looping, { code: 'COMPUTE_TIMEOUT' })
  const { limits, compute: stats } = engine.server.stats()
  t.same(limits, { 'compute.maxQueue': 1, 'compute.taskTimeoutMs': 1 })
  t.match(stats, { rejected: 1, timedOut: 1 })
})

t.test('without the option, run says which one is missing', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 1 })
  await t.rejects(server.compute.run(1), { code: 'OPTION_INVALID', message: /options\.compute is missing/ })
  t.match(server.stats().compute, { threads: 0, running: 0, queued: 0, completed: 0, waitMs: { mean: 0, max: 0 } })
})

t.test('a broken module costs the tasks, not the server', async (t) => {
  const engine = await start(t, { module: 'throws-at-import' })
  await t.rejects(engine.server.compute.run(1), { code: 'COMPUTE_FAILED', message: /this module is broken/ })
  const { client, id } = await engine.join()
  engine.server.send(id, 'still here')
  t.equal(await nextText(client), 'still here')
})

t.test('shutdown lets what runs finish, and nothing is left', async (t) => {
  // What a process makes only once is there.
  await (await EngineUnderTest.listening(options())).stop()
  const [threads, descriptors] = [threadCount(), openDescriptors().length]
  const engine = await EngineUnderTest.listening(options({ maxThreads: 2 }))
  const { server } = engine
  t.equal(await server.compute.run({ act: 'echo', value: 'idle' }), 'idle')
  const gate = new Gate()
  const running = server.compute.run(gate.task)
  await gate.begun()
  const down = server.shutdown({ deadlineMs: 10_000 })
  await eventually('the idle thread is gone', () => server.stats().compute.threads === 1)
  await t.rejects(server.compute.run({ act: 'thread' }), { code: 'SERVER_CLOSED' })
  gate.release()
  t.equal(await running, 'released')
  await down
  await t.rejects(server.compute.run({ act: 'thread' }), { code: 'SERVER_CLOSED' })
  t.equal(server.stats().compute.threads, 0)
  await eventually('no thread is left', () => threadCount() <= threads)
  await eventually('no descriptor is left', () => openDescriptors().length <= descriptors)
})

t.test('while a shutdown leaves connections alone, their tasks are taken', async (t) => {
  const engine = await EngineUnderTest.listening(options())
  const { server, journal } = engine
  server.on('message', async (id) => void server.send(id, String(await server.compute.run(21, { name: 'double' }))))
  const { client, id } = await engine.join()
  const down = server.shutdown({ graceMs: 60_000, deadlineMs: 60_000 })
  sendText(client, 'go')
  t.equal(await nextText(client), '42')
  client.destroy()
  await journal.closeOf(id)
  t.match(await down, { connections: 1, left: 1 })
  await t.rejects(server.compute.run(1), { code: 'SERVER_CLOSED' })
})

t.test('shutdown ends what still runs at its deadline', async (t) => {
  const engine = await EngineUnderTest.listening(options({ maxThreads: 1 }))
  const { compute } = engine.server
  const [looping, behind] = [compute.run({ act: 'loop' }), compute.run({ act: 'thread' })]
  await eventually('it runs', () => engine.server.stats().compute.running === 1)
  const down = engine.server.shutdown({ deadlineMs: 50 })
  await t.rejects(behind, { code: 'SERVER_CLOSED' })
  await t.rejects(looping, { code: 'SERVER_CLOSED' })
  await down
  t.match(engine.server.stats().compute, { threads: 0, running: 0, queued: 0, aborted: 2 })
})

t.test('a process that has computed ends by itself', async (t) => {
  const script = `
    import { WebSocketServer } from '${new URL('../../src/index.js', import.meta.url)}'
    const filename = new URL('${computeModule('tasks')}')
    const server = new WebSocketServer({ shards: 1, execArgv: [], compute: { filename, taskTimeoutMs: 60_000 } })
    await server.ready()
    const value = await server.compute.run({ act: 'echo', value: 42 })
    await server.shutdown()
    console.log(value, process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length)`
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  const deadline = setTimeout(() => child.kill('SIGKILL'), 10_000)
  const [code, signal] = await once(child, 'close')
  clearTimeout(deadline)
  t.same([code, signal, output.trim()], [0, null, '42 0'])
})

t.test('a second signal does not wait for what is computed', async (t) => {
  const script = `
    import { WebSocketServer } from '${new URL('../../src/index.js', import.meta.url)}'
    const compute = { filename: new URL('${computeModule('tasks')}'), maxThreads: 1 }
    const server = new WebSocketServer({ shards: 1, execArgv: [], compute, handleSignals: { deadlineMs: 600_000 } })
    await server.ready()
    await server.compute.run({ act: 'echo' })
    server.on('draining', () => console.log('draining'))
    console.log('running')
    await server.compute.run({ act: 'loop' }).catch(({ code }) => console.log(code))
    console.log((await server.shutdown()).wasForced)`
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env })
  const deadline = setTimeout(() => child.kill('SIGKILL'), 10_000)
  const closed = once(child, 'close')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    // Each signal is answered before the next one is sent.
    if (/running\n$|draining\n$/.test(output)) child.kill('SIGTERM')
  })
  t.same((await closed).concat(output.split('\n')), [0, null, 'running', 'draining', 'SERVER_CLOSED', 'true', ''])
  clearTimeout(deadline)
})

t.test('a TypeScript module, where Node runs TypeScript', async (t) => {
  const filename = new URL('test/fixtures/compute/tasks.ts', REPOSITORY)
  const { server } = await EngineUnderTest.start(t, { shards: 1, compute: { filename } })
  const answer = server.compute.run({ act: 'echo', value: 'typed' })
  if ((process.features as { typescript?: unknown }).typescript) t.equal(await answer, 'typed')
  else await t.rejects(answer, { code: 'COMPUTE_FAILED', cause: { code: 'ERR_UNKNOWN_FILE_EXTENSION' } })
})
