import { Acceptor, type AcceptorObserver } from '../src/shared/handoff/acceptor.ts'
import type { AcceptorCommand, AcceptorEvent, AcceptorTask } from '../src/shared/handoff/acceptor-messages.ts'
import { BorrowedPipes } from './borrowed-pipes.ts'

/** The entry of the acceptor's thread: one task that ends when main says so, or is gone. */
export default function runAcceptor({ port, setup }: AcceptorTask): Promise<void> {
  const post = (event: AcceptorEvent): void => port.postMessage(event)
  const pipes = new BorrowedPipes(post)
  const observer: AcceptorObserver = {
    onTurnedAway: (code) => post({ kind: 'turnedAway', code }),
    onError: (error) => post({ kind: 'failed', error }),
  }
  const acceptor = new Acceptor(setup, observer, pipes.accept)
  return new Promise((resolve) => {
    port.on('message', (command: AcceptorCommand) => {
      if (command.kind === 'listen') void listen(acceptor, command, post)
      else if (command.kind === 'add') acceptor.add(command.index, command.port)
      else if (command.kind === 'setOpen') acceptor.setOpen(command.index, command.isOpen)
      else if (command.kind === 'setAccepting') acceptor.setAccepting(command.isAccepting)
      else if (command.kind === 'remove') acceptor.remove(command.index)
      else if (command.kind === 'stopListening') acceptor.stopListening()
      else if (command.kind === 'close') port.close()
      else pipes.receive(command)
    })
    port.on('close', () => {
      acceptor.close()
      resolve()
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
