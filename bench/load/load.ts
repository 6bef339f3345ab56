import { randomBytes } from 'node:crypto'
import type { LoadCommand, LoadReply } from '../protocol.ts'
import type { Work } from '../works.ts'
import { READ_BUFFER_BYTES } from './connection.ts'
import { EchoLoad } from './echo.ts'
import { ExpectedStream } from './expected-stream.ts'
import { FanOutLoad } from './fan-out.ts'
import { clientFrame, serverFrame } from './frames.ts'
import { Traffic } from './traffic.ts'

/** Connections opened at once: below every listen backlog, so that no handshake is refused. */
const CONNECT_BATCH = 50

const traffic = new Traffic()

process.on('message', (command: LoadCommand) => {
  switch (command.type) {
    case 'run':
      run(command.port, command.work).then(
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

async function run(port: number, work: Work): Promise<void> {
  const payload = randomBytes(work.payloadBytes)
  const batch = Buffer.concat(Array.from({ length: work.inFlight }, () => clientFrame(payload)))
  const expected = new ExpectedStream(serverFrame(payload), READ_BUFFER_BYTES)
  const load = work.app === 'echo' ? new EchoLoad(work, batch, traffic) : new FanOutLoad(work, batch, traffic)
  for (let open = 0; open < work.connections; open += CONNECT_BATCH) {
    const count = Math.min(CONNECT_BATCH, work.connections - open)
    await Promise.all(Array.from({ length: count }, () => load.connect(port, expected, fail)))
  }
  load.start()
}

function reply(message: LoadReply): void {
  process.send?.(message)
}

/** The first failure ends the measurement: what comes after it would only be noise. */
function fail(reason: string): void {
  process.send?.({ type: 'failed', reason } satisfies LoadReply, () => process.exit(1))
}
