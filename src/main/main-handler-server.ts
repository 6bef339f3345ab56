import { assertCloseArguments } from '../shared/message-arguments.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { BroadcastOptions, PublishOptions, SendOptions } from '../shared/send-options.ts'
import type { HandlerServer } from '../shared/socket.ts'
import { decodeValue, encodeValue } from '../shared/values.ts'

interface Host {
  send(id: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean
  broadcast(message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean
  readonly users: {
    identify(id: string, userId: string | null): boolean
    user(userId: string): { send(message: string | Uint8Array, options?: boolean | SendOptions): boolean }
  }
  readonly publications: Pick<HandlerServer, 'publish'>
  readonly peers: { find(id: string): { close(code?: number, reason?: string): void } | undefined }
  readonly state: ReadonlyMap<string, unknown>
  readonly compute: { run(task: unknown): Promise<unknown> }
}

/** What handlers on main reach of their server: what `workers/shard-server.ts` is for those in a shard. */
export class MainHandlerServer implements HandlerServer {
  readonly #host: Host
  readonly #listener: { onPost(message: unknown): void }

  constructor(host: Host, listener: { onPost(message: unknown): void }) {
    this.#host = host
    this.#listener = listener
  }

  get state(): ReadonlyMap<string, unknown> {
    return this.#host.state
  }

  send(id: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    return this.#host.send(id, message, options)
  }

  broadcast(message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean {
    return this.#host.broadcast(message, options)
  }

  publish(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options?: boolean | PublishOptions,
  ): boolean {
    return this.#host.publications.publish(rooms, message, options)
  }

  compute(task: unknown): Promise<unknown> {
    return this.#host.compute.run(task)
  }

  close(id: string, code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    assertCloseArguments(code, reason)
    this.#host.peers.find(id)?.close(code, reason)
  }

  identify(id: string, userId: string | null): boolean {
    return this.#host.users.identify(id, userId)
  }

  sendToUser(userId: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    return this.#host.users.user(userId).send(message, options)
  }

  /** A clone, in a later tick: as it is for a handler in a shard. */
  post(message: unknown): boolean {
    const bytes = encodeValue(message, 'message')
    setImmediate(() => this.#listener.onPost(decodeValue(bytes)))
    return true
  }
}
