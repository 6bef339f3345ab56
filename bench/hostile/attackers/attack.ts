import { FIN_BINARY, FIN_CLOSE, FIN_TEXT } from '../../load/frames.ts'
import { type AttackCommand, type AttackReply, CALM_PATH, type Size, type Target } from '../protocol.ts'
import { scenarioNamed } from '../scenarios.ts'
import { Arena } from './arena.ts'
import { handshake } from './client.ts'
import { frame, repeat } from './frames.ts'

const WARM_UP_CONNECTIONS = 40
const WARM_UP_MESSAGES = 50

/** How long a well-behaved close may take. */
const CLOSE_MS = 3000

process.on('message', (command: AttackCommand) => {
  const done = command.type === 'warm-up' ? warmUp(command.target) : attack(command)
  done.then(reply, (error: unknown) => reply({ type: 'failed', reason: String(error) }))
})
// A harness that was killed cannot end its children.
process.on('disconnect', () => process.exit())

/** Ordinary traffic, so that what every server allocates and compiles once does not look like the attack's work. */
async function warmUp(target: Target): Promise<AttackReply> {
  const arena = new Arena(target)
  const messages = Buffer.concat([frame(FIN_BINARY, Buffer.alloc(100)), frame(FIN_TEXT, Buffer.from('warm'))])
  const clients = await arena.open(WARM_UP_CONNECTIONS, handshake({ path: CALM_PATH }))
  await Promise.all(clients.map((client) => client.write(repeat(messages, WARM_UP_MESSAGES))))
  await Promise.all(clients.map((client) => client.write(frame(FIN_CLOSE))))
  await arena.ended(CLOSE_MS)
  await arena.leave()
  return { type: 'warm' }
}

async function attack(command: {
  readonly scenario: string
  readonly size: Size
  readonly target: Target
}): Promise<AttackReply> {
  const arena = new Arena(command.target)
  const startMs = performance.now()
  await scenarioNamed(command.scenario).attack(arena, command.size)
  const seconds = (performance.now() - startMs) / 1000
  return { type: 'attacked', seconds, endings: await arena.leave() }
}

function reply(message: AttackReply): void {
  process.send?.(message)
}
