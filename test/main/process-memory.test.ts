import t from 'tap'
import { affordableMemory } from '../../src/main/memory-limit.ts'
import { MEMORY_STEPS, type MemoryStep, ProcessMemory } from '../../src/main/process-memory.ts'

const LIMIT = 1000

/** A process that holds what the test says. */
function watched(limitBytes = LIMIT) {
  let held = 0
  const memory = new ProcessMemory(limitBytes, () => held)
  const told: string[] = []
  const samples: number[] = []
  memory.observe({
    onStep: (step, isTaken, { rssBytes }) => told.push(`${isTaken ? '+' : '-'}${step} ${rssBytes}`),
    onSample: ({ pressure }) => samples.push(pressure),
  })
  return {
    memory,
    samples,
    /** What was told of it. */
    hold(bytes: number): string[] {
      held = bytes
      memory.sample()
      return told.splice(0)
    },
  }
}

for (const [step, share] of Object.entries(MEMORY_STEPS) as [MemoryStep, number][]) {
  t.test(`row 39: ${step} at ${share * 100} %, and back 5 % below`, async (t) => {
    const { memory, hold } = watched()
    const from = share * LIMIT
    const back = from - 50
    const tells = (told: string[]) => told.filter((each) => each.includes(step))
    t.same(tells(hold(from - 1)), [])
    t.notOk(memory.isTaken(step))
    t.same(tells(hold(from)), [`+${step} ${from}`])
    t.same(tells(hold(from + 1)), [], 'once')
    for (const held of [back + 1, from, back + 1]) t.same(tells(hold(held)), [], 'it stays for that long')
    t.ok(memory.isTaken(step))
    t.same(tells(hold(back - 1)), [`-${step} ${back - 1}`])
    t.notOk(memory.isTaken(step))
    hold(from)
    t.equal(memory.counts[step], 2)
  })
}

t.test('row 39: from nothing to everything in one sample: mildest first, and all of them back', async (t) => {
  const { memory, hold } = watched()
  t.same(hold(2 * LIMIT), ['+contexts 2000', '+handshakes 2000', '+queues 2000', '+accepting 2000'])
  t.same(memory.reading, { rssBytes: 2000, limitBytes: LIMIT, pressure: 2 })
  t.same(hold(0), ['-contexts 0', '-handshakes 0', '-queues 0', '-accepting 0'])
})

t.test('row 39: who observes later hears of what is so', async (t) => {
  const { memory, hold } = watched()
  hold(850)
  const told: string[] = []
  memory.observe({ onStep: (step, isTaken) => told.push(`${step} ${isTaken}`) })
  t.same(told, ['contexts true'])
})

t.test('row 39: without a limit nothing is ever spared', async (t) => {
  const { memory, samples, hold } = watched(Number.POSITIVE_INFINITY)
  t.same(hold(Number.MAX_SAFE_INTEGER), [])
  t.same(samples, [0])
  t.match(memory.counts, { contexts: 0, handshakes: 0, queues: 0, accepting: 0 })
})

t.test('row 39: it reads what the process holds, by itself and until it is told to stop', async (t) => {
  const memory = new ProcessMemory(Number.MAX_SAFE_INTEGER)
  const twice = new Promise<void>((resolve) => {
    let samples = 0
    memory.observe({ onStep() {}, onSample: () => ++samples === 2 && resolve() })
  })
  memory.start()
  const { rssBytes } = memory.reading
  t.ok(rssBytes > 16 * 1024 * 1024 && Math.abs(rssBytes / process.memoryUsage.rss() - 1) < 0.5, `${rssBytes}`)
  // The timer keeps nothing alive.
  const alive = setInterval(() => {}, 1000)
  await twice
  clearInterval(alive)
  memory.stop()
})

t.test('row 39: the default is what the container allows, or what the machine has', async (t) => {
  const machine = 8 * 1024 ** 3
  t.equal(affordableMemory(512 * 1024 ** 2, machine), 512 * 1024 ** 2)
  for (const none of [0, 2 ** 63, machine, machine + 1]) t.equal(affordableMemory(none, machine), machine)
  t.ok(affordableMemory() >= 64 * 1024 ** 2)
})

t.test('row 28: what cannot be read for want of a descriptor stays as it was', async (t) => {
  let canRead = true
  const memory = new ProcessMemory(LIMIT, () => {
    if (!canRead) throw new Error('uv_resident_set_memory returned EMFILE')
    return 100
  })
  memory.sample()
  canRead = false
  memory.sample()
  t.equal(memory.reading.rssBytes, 100)
})
