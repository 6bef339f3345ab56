import { readFileSync } from 'node:fs'
import type { ServerCommand, ServerReply, ServerUsage } from '../protocol.ts'
import type { App } from '../works.ts'

/** Linux reports thread times in ticks of USER_HZ, which is 100 on every architecture Node supports. */
const US_PER_TICK = 10_000

/** Turns `listen` into a server process of the harness: it starts on command and tells its port and CPU time. */
export function serve(listen: (app: App) => Promise<number>): void {
  process.on('message', (command: ServerCommand) => {
    switch (command.type) {
      case 'start':
        listen(command.app).then(
          (port) => reply({ type: 'listening', port }),
          (error: unknown) => reply({ type: 'failed', reason: String(error) }),
        )
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

function usage(): ServerUsage {
  const { user, system } = process.cpuUsage()
  return {
    atMs: performance.now(),
    cpuUs: user + system,
    mainCpuUs: mainCpuUs(),
    rssBytes: process.memoryUsage.rss(),
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
