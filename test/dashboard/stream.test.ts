import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import type { Sampler, Viewer } from '../../src/dashboard/sampler.ts'
import { stream } from '../../src/dashboard/stream.ts'

const FIVE_MINUTES_MS = 300_000

/** The response of a page that reads what it is given, or does not. */
class Page extends EventEmitter {
  readonly written: string[] = []
  writableNeedDrain = false
  hasEnded = false

  write(text: string): void {
    this.written.push(text)
  }

  end(): void {
    this.hasEnded = true
  }
}

/** A stream whose deadline and whose samples are the test's. */
function start(t: Test, isGone = false) {
  const page = new Page()
  const deadlines = new Set<{ run: () => void; ms: number; holds: boolean; unref(): object }>()
  t.intercept(globalThis, 'setTimeout', {
    value: (run: () => void, ms: number) => {
      const deadline = { run, ms, holds: true, unref: () => Object.assign(deadline, { holds: false }) }
      deadlines.add(deadline)
      return deadline
    },
  })
  t.intercept(globalThis, 'clearTimeout', { value: (deadline: never) => deadlines.delete(deadline) })
  const viewers = new Set<Viewer>()
  const sampler = {
    add: (viewer: Viewer) => viewers.add(viewer),
    remove: (viewer: Viewer) => viewers.delete(viewer) && viewer.end(),
  }
  const request = { socket: { destroyed: isGone } }
  stream(request as IncomingMessage, page as unknown as ServerResponse, sampler as unknown as Sampler)
  const [deadline] = deadlines
  const [viewer] = viewers
  return { page, viewer, viewers, deadline, deadlines }
}

t.test('samples are events, a line each', async (t) => {
  const { page, viewer } = start(t)
  viewer?.show('begin', { text: 'two\nlines\r and \u2028' })
  t.same(page.written, ['retry: 1000\n\n', 'event: begin\ndata: {"text":"two\\nlines\\r and \u2028"}\n\n'])
})

t.test('nothing piles up for a page that does not read', async (t) => {
  const { page, viewer } = start(t)
  page.writableNeedDrain = true
  for (let count = 0; count < 100; count++) viewer?.show('sample', {})
  t.equal(page.written.length, 1)
  page.writableNeedDrain = false
  viewer?.show('sample', {})
  t.equal(page.written.length, 2)
})

t.test('after five minutes it ends, so that the page asks again whether it may', async (t) => {
  const { page, viewers, deadline } = start(t)
  t.match(deadline, { ms: FIVE_MINUTES_MS, holds: false })
  deadline?.run()
  t.equal(viewers.size, 0)
  t.equal(page.hasEnded, true)
})

t.test('who leaves, or has left before it began, is forgotten', async (t) => {
  const { page, viewers, deadlines } = start(t)
  page.emit('error', new Error('reset'))
  page.emit('close')
  t.equal(viewers.size, 0)
  t.equal(deadlines.size, 0)
  t.equal(start(t, true).viewers.size, 0)
})
