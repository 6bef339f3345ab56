import { Child } from '../harness/child.ts'
import { type Calm, Control } from './control.ts'
import { Newcomers, type Reception } from './newcomers.ts'
import type {
  AttackCommand,
  AttackReply,
  Endings,
  Reading,
  ServerCommand,
  ServerReply,
  Size,
  Toll,
} from './protocol.ts'
import type { Scenario } from './scenarios.ts'
import type { Server } from './servers.ts'

const START_DEADLINE_MS = 15_000
const STEP_DEADLINE_MS = 15_000
/** Above every deadline within an attack. */
const ATTACK_DEADLINE_MS = 40_000

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const ATTACK_ENTRY = new URL(`./attackers/attack${extension}`, import.meta.url)

/** One server under one attack. */
export interface Row extends Toll {
  readonly scenario: string
  readonly server: string
  readonly size: Size
  readonly before: Reading
  /** How long the attack lasted. */
  readonly seconds: number
  /** Counted by how the attackers' connections ended. */
  readonly endings: Endings
  readonly control: Calm
  readonly newcomers: Reception
}

/** Starts server and attackers in processes of their own and ends both whatever happens. */
export async function measure(scenario: Scenario, server: Server, size = sizeFor(scenario, server)): Promise<Row> {
  const child = new Child<ServerCommand, ServerReply>(server.name, server.entry, server.args)
  const attackers = new Child<AttackCommand, AttackReply>('attackers', ATTACK_ENTRY)
  let control: Control | null = null
  try {
    const { settings, name } = scenario
    const target = await child.request({ type: 'start', settings }, 'listening', START_DEADLINE_MS)
    await attackers.request({ type: 'warm-up', target }, 'warm', STEP_DEADLINE_MS)
    control = await Control.open(target.port)
    const { before } = await child.request({ type: 'begin' }, 'begun', STEP_DEADLINE_MS)
    const newcomers = new Newcomers(target.port)
    control.start()
    newcomers.start()
    const { seconds, endings } = await attackers.request(
      { type: 'attack', scenario: name, size, target },
      'attacked',
      ATTACK_DEADLINE_MS,
    )
    await attackers.end()
    const [calm, reception] = await Promise.all([control.stop(), newcomers.stop()])
    const { toll } = await child.request({ type: 'end' }, 'ended', STEP_DEADLINE_MS)
    return {
      scenario: name,
      server: server.name,
      size,
      before,
      ...toll,
      seconds,
      endings,
      control: calm,
      newcomers: reception,
    }
  } finally {
    await Promise.all([control?.leave(), attackers.end(), child.end()])
  }
}

function sizeFor({ size, sizeOfHugeMessages }: Scenario, { takesHugeMessages }: Server): Size {
  return (takesHugeMessages && sizeOfHugeMessages) || size
}
