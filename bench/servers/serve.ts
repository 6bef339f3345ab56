import { readFileSync } from 'node:fs'
import type { ServerCommand, ServerReply, ServerUsage } from '../protocol.ts'
import type { Work } from '../works.ts'
import { collectGarbage, heapBytes } from './heap.ts'

/** Linux reports thread times in ticks of USER_HZ, which is 100 on every architecture Node supports. */
const US_PER_TICK = 10_000

/** An application that computes on the main thread 80 % of the time. */
const BUSY_MS = 50
const PAUSE_MS = 12.5

/** Turns `listen` into a server process of the harness: it starts on command and tells its port and CPU time. */
export function serve(listen: (work: Work) => Promise<number>): void {
  process.on('message', (command: ServerCommand) => {
    switch (command.type) {
      case 'start':
        listen(command.work).then(
          (port) => {
            reply({ type: 'listening', port })
            if (command.work.mainBusy === true) compute()
          },
          (error: unknown) => reply({ type: 'failed', reason: String(error) }),
        )
        break
      case 'collect':
        collectGarbage()
        reply({ type: 'collecting' })
        break
      case 'measure':
        reply({ type: 'measured', usage: usage() })
        break
    }
  })
  // A harness that was killed cannot end its children.
  process.on('disconnect', () => process.exit())
}

function reply(message: ServerReply): void {
  process.send?.(message)
}

function compute(): void {
  for (const end = performance.now() + BUSY_MS; performance.now() < end; );
  setTimeout(compute, PAUSE_MS)
}

function usage(): ServerUsage {
  const { user, system } = process.cpuUsage()
  return {
    atMs: performance.now(),
    cpuUs: user + system,
    mainCpuUs: mainCpuUs(),
    rssBytes: process.memoryUsage.rss(),
    heapBytes: heapBytes(),
  }
}

/** The main thread's id is the process id; proc(5): fields 14 and 15 are its user and system ticks. */
function mainCpuUs(): number | null {
  if (process.platform !== 'linux') return null
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1')
  // Field 2 is the thread's name in parentheses and may hold spaces: count from its end, where field 3 starts.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK
}
