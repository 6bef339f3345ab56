import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { Child } from '../../../bench/harness/child.ts'

type Command = { readonly type: 'pid' }
type Reply = { readonly type: 'told'; readonly pid: number }

function childOf(t: Test, source: string): Child<Command, Reply> {
  const dir = t.testdir({ 'child.mjs': source })
  const child = new Child<Command, Reply>('child', pathToFileURL(join(dir, 'child.mjs')))
  t.teardown(() => child.end())
  return child
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('end() resolves when the process is gone', async (t) => {
  const child = childOf(t, `process.on('message', () => process.send({ type: 'told', pid: process.pid }))`)
  const { pid } = await child.request({ type: 'pid' }, 'told', 10_000)
  t.equal(isAlive(pid), true)
  await child.end()
  t.equal(isAlive(pid), false)
  await t.rejects(child.request({ type: 'pid' }, 'told', 10_000), { message: /^child: ended with SIGKILL/ })
})

t.test('a child that ends rejects the question with what it wrote to stderr', async (t) => {
  const child = childOf(t, `process.on('message', () => { throw new Error('out of luck') })`)
  await t.rejects(child.request({ type: 'pid' }, 'told', 10_000), {
    message: /^child: ended with code 1 [\s\S]*out of luck/,
  })
})

t.test('a silent child is given up at the deadline', async (t) => {
  const child = childOf(t, `process.on('message', () => {})`)
  await t.rejects(child.request({ type: 'pid' }, 'told', 50), { message: `child: no 'told' within 50 ms` })
})
