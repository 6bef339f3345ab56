import type { LoadCommand, LoadReply } from '../protocol.ts'
import type { Work } from '../works.ts'
import { ChurnLoad } from './churn.ts'
import { EchoLoad } from './echo.ts'
import type { Endpoint, Load } from './endpoint.ts'
import { exchanges } from './exchange.ts'
import { FanOutLoad } from './fan-out.ts'
import { IdleLoad } from './idle.ts'
import { Opening } from './opening.ts'
import { PacedLoad } from './paced.ts'
import { Traffic } from './traffic.ts'

/** Connections opened at once: below every listen backlog, so that no handshake is refused. */
const CONNECT_BATCH = 50

const traffic = new Traffic()

process.on('message', (command: LoadCommand) => {
  switch (command.type) {
    case 'run':
      run(command.port, command.work, command.mirror === true).then(
        () => reply({ type: 'running' }),
        (error: unknown) => fail(String(error)),
      )
      break
    case 'sample':
      reply({ type: 'sampled', sample: traffic.sample() })
      if (command.reset) traffic.resetRoundTrips()
      break
  }
})
// A harness that was killed cannot end its children.
process.on('disconnect', () => process.exit())

async function run(port: number, work: Work, mirror: boolean): Promise<void> {
  const opening = new Opening(port, work.app === 'fan-out' ? '/fanout' : '/echo', work)
  const load = createLoad({ port, opening, work, traffic, failed: fail })
  const nextExchange = exchanges(work, mirror)
  for (let open = 0; open < work.connections; open += CONNECT_BATCH) {
    const count = Math.min(CONNECT_BATCH, work.connections - open)
    await Promise.all(Array.from({ length: count }, () => load.connect(nextExchange())))
  }
  load.start()
}

function createLoad(endpoint: Endpoint): Load {
  switch (endpoint.work.load) {
    case 'batches':
      return endpoint.work.app === 'fan-out' ? new FanOutLoad(endpoint) : new EchoLoad(endpoint)
    case 'paced':
      return new PacedLoad(endpoint)
    case 'churn':
      return new ChurnLoad(endpoint)
    case 'idle':
      return new IdleLoad(endpoint)
  }
}

function reply(message: LoadReply): void {
  process.send?.(message)
}

/** The first failure ends the measurement: what comes after it would only be noise. */
function fail(reason: string): void {
  process.send?.({ type: 'failed', reason } satisfies LoadReply, () => process.exit(1))
}
