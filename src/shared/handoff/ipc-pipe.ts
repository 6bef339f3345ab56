import { once } from 'node:events'
import { detach, handleClassFor, IPC_TYPE, type StreamHandle, socketOver, type TcpHandle } from './handle.ts'
import { IpcListener } from './ipc-listener.ts'

/** Node's request object for one write; `oncomplete` gets 0 or a negative errno. */
export interface WriteRequest {
  oncomplete(status: number): void
}

/** A pipe that carries handles (`SCM_RIGHTS`), as `cluster` uses between processes. */
export interface IpcPipe extends StreamHandle {
  /** The handle that came with the bytes `onread` is called for, else unset. */
  pendingHandle: TcpHandle | null | undefined
  /** `bytes` is undefined when the other end is gone. */
  onread(bytes: ArrayBuffer | undefined): void
  open(descriptor: number): number
  writeUtf8String(request: WriteRequest, text: string, handle: TcpHandle): number
}

/** A place to connect to, and the pipe that comes of it. */
export interface AcceptingEnd {
  readonly path: string
  /** Closes the pipe, too. */
  close(): void
}

/** `onAccepted` gets null when no connection that can carry handles will come. */
export type AcceptPipe = (onAccepted: (pipe: IpcPipe | null) => void) => Promise<AcceptingEnd>

/** The accepting end, for a thread that lives as long as the process. */
export const acceptIpcPipe: AcceptPipe = async (onAccepted) => {
  let pipe: IpcPipe | null = null
  const listener = await IpcListener.listen((descriptor) => {
    pipe = descriptor === null ? null : openIpcPipe(descriptor)
    onAccepted(pipe)
  })
  return {
    path: listener.path,
    close: () => {
      pipe?.close()
      listener.close()
    },
  }
}

/** The connecting end. The pipe is of the right type from birth, so it is the only owner of its descriptor. */
export async function connectIpcPipe(path: string): Promise<IpcPipe> {
  const pipe = createPipe()
  const connector = socketOver(pipe, { readable: false })
  connector.connect({ path })
  await once(connector, 'connect')
  detach(connector)
  connector.destroy()
  pipe.unref()
  return pipe
}

/** Over a connection that an `IpcListener` has accepted, on any thread. Null when it is not open. */
export function openIpcPipe(descriptor: number): IpcPipe | null {
  const pipe = createPipe()
  if (pipe.open(descriptor) === 0) {
    pipe.unref()
    return pipe
  }
  pipe.close()
  return null
}

function createPipe(): IpcPipe {
  // Connecting to a directory is refused, so this looks at the class and touches nothing.
  const Pipe = handleClassFor<IpcPipe>({ path: '/' })
  if (Pipe === undefined) throw new Error('no pipe handles on this platform')
  return new Pipe(IPC_TYPE)
}
