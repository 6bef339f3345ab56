import t from 'tap'
import { selfTimes } from '../../../bench/profile/self-time.ts'

const ROOT = 'file:///app/'

function node(id: number, functionName: string, url = '', lineNumber = -1) {
  return { id, callFrame: { functionName, url, lineNumber } }
}

t.test('time of its own, by function: of all places it was called from, the most first', async (t) => {
  const nodes = [
    node(1, '(root)'),
    node(2, '(idle)'),
    node(3, 'parse', 'file:///app/src/a.js', 9),
    node(4, '', 'node:net', 0),
    node(5, 'parse', 'file:///app/src/a.js', 9),
    node(6, 'parse', 'file:///app/src/b.js', 9),
  ]
  const samples = [2, 3, 4, 5, 6, 2]
  const timeDeltas = [4000, 2000, 500, 3000, 1000, 1500]
  t.same(selfTimes({ nodes, samples, timeDeltas }, ROOT), {
    functions: [
      { name: 'parse', place: 'src/a.js:10', selfMs: 5 },
      { name: 'parse', place: 'src/b.js:10', selfMs: 1 },
      { name: '(anonymous)', place: 'node:net:1', selfMs: 0.5 },
    ],
    busyMs: 6.5,
    idleMs: 5.5,
  })
  t.same(selfTimes({ nodes, samples: [], timeDeltas: [] }, ROOT), { functions: [], busyMs: 0, idleMs: 0 })
})
