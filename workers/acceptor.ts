import { Acceptor } from '../src/shared/handoff/acceptor.ts'
import type { AcceptorCommand, AcceptorEvent, AcceptorTask } from '../src/shared/handoff/acceptor-messages.ts'
import { endSuperseded } from '../src/shared/handoff/ipc-pipe.ts'

/** The entry of the acceptor's thread: one task that ends when main says so, or is gone. */
export default function runAcceptor({ port, setup }: AcceptorTask): Promise<void> {
  const post = (event: AcceptorEvent): void => port.postMessage(event)
  const acceptor = new Acceptor(setup, {
    onTurnedAway: (code) => post({ kind: 'turnedAway', code }),
    onError: (error) => post({ kind: 'failed', error }),
  })
  // Also after an error: Node would close the two handles of each pipe one after the other, and the second time a stranger's descriptor.
  process.once('exit', () => acceptor.close())
  return new Promise((resolve) => {
    port.on('message', (command: AcceptorCommand) => {
      if (command.kind === 'listen') void listen(acceptor, command, post)
      else if (command.kind === 'add') acceptor.add(command.index, command.port)
      else if (command.kind === 'setOpen') acceptor.setOpen(command.index, command.isOpen)
      else if (command.kind === 'setAccepting') acceptor.setAccepting(command.isAccepting)
      else if (command.kind === 'remove') acceptor.remove(command.index)
      else if (command.kind === 'stopListening') acceptor.stopListening()
      else port.close()
    })
    port.on('close', () => {
      acceptor.close()
      resolve(endSuperseded())
    })
  })
}

type Listen = Extract<AcceptorCommand, { kind: 'listen' }>

async function listen(acceptor: Acceptor, { port, host }: Listen, post: (event: AcceptorEvent) => void): Promise<void> {
  try {
    post({ kind: 'listening', address: await acceptor.listen(port, host) })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    post({ kind: 'refused', error: error as Error, code })
  }
}
