import { parseArgs } from 'node:util'
import { choose } from '../harness/choose.ts'
import { WORKS, type Work } from '../works.ts'

export const USAGE = `Usage: npm run profile:<doctor|flame|heap|shards> -- [options]
  --work NAME     what the clients do: ${names()} (default echo-64-16)
  --seconds N     of load, 1 to 120 (default 8)
  --shards N      for profile:shards only (default 1)
  --handler NAME  for profile:shards only: main or shard (default main)
  --top N         for profile:shards only: functions of each thread (default 15)`

/** Works that need nothing but echoes. */
function names(): string {
  return echoes()
    .map(({ name }) => name)
    .join(', ')
}

function echoes(): readonly Work[] {
  return WORKS.filter(({ app, load, deflate, tls }) => app === 'echo' && load === 'batches' && !deflate && !tls)
}

const TOOLS = ['doctor', 'flame', 'heap', 'shards'] as const

export interface ProfileOptions {
  readonly tool: (typeof TOOLS)[number]
  readonly work: Work
  readonly seconds: number
  readonly shards: number
  readonly handler: string
  readonly top: number
}

/** Throws an Error whose message names the option and what it accepts; null when help was asked for. */
export function parseOptions(args: readonly string[]): ProfileOptions | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      work: { type: 'string', default: 'echo-64-16' },
      seconds: { type: 'string', default: '8' },
      shards: { type: 'string', default: '1' },
      handler: { type: 'string', default: 'main' },
      top: { type: 'string', default: '15' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const tool = TOOLS.find((each) => each === positionals[0])
  if (tool === undefined) throw new Error(`the tool must be one of ${TOOLS.join(', ')}`)
  const [work] = choose('work', values.work, echoes())
  if (!/^(main|shard)$/.test(values.handler)) throw new Error('--handler must be main or shard')
  return {
    tool,
    work: work as Work,
    seconds: whole('seconds', values.seconds, 1, 120),
    shards: whole('shards', values.shards, 0, 64),
    handler: values.handler,
    top: whole('top', values.top, 1, 1000),
  }
}

function whole(option: string, value: string, least: number, most: number): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new Error(`--${option} must be a whole number from ${least} to ${most}, not '${value}'`)
}
