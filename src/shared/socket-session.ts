import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { decodeValue, encodeValue } from './values.ts'

/** What a session holds. It may cross threads. */
export interface SessionState {
  readonly rooms: readonly string[]
  /** See `packData`. */
  readonly data: Uint8Array
  /** Whose it is: see `identityOf`. */
  readonly identity: string
}

/** The connection to which a session comes back. */
export interface Resumable {
  data: unknown
  readonly user: unknown
  joinAsync(room: string): Promise<boolean>
}

/** How a connection gets what its session holds. */
export interface Recovery {
  /** Everything but the rooms. False: the session is somebody else's, and nothing has happened. */
  begin(socket: Resumable, identity: string): boolean
  /** The rooms: limits and `canJoin` have their say. Never rejects. */
  rejoin(socket: Resumable): Promise<unknown>
}

/** A connection on the way to its session, and in it. */
export class SocketSession {
  /** As of when the client was let in, '' before. */
  identity = ''
  isRecovered = false
  #recovery: Recovery | null

  /** @param recovery Null: the session is new. */
  constructor(recovery: Recovery | null = null) {
    this.#recovery = recovery
  }

  /** Whether the session is all there, so that what the connection has now is what the session holds. */
  get isComplete(): boolean {
    return this.identity !== '' && this.#recovery === null
  }

  get isRecovering(): boolean {
    return this.#recovery !== null
  }

  /** The client has been let in. False: it is not whose session this is. */
  begin(socket: Resumable): boolean {
    if (this.identity !== '') return true
    const identity = identityOf(socket.user)
    if (this.#recovery?.begin(socket, identity) === false) return false
    this.identity = identity
    this.isRecovered = this.#recovery !== null
    return true
  }

  /** Undefined: there is nothing to wait for. Never rejects. */
  rejoin(socket: Resumable): Promise<void> | undefined {
    if (!this.isRecovered) return undefined
    return this.#recovery?.rejoin(socket).then(() => {
      this.#recovery = null
    })
  }

  /** In the shard that will handle the connection: this is what comes back. */
  expect(recovery: Recovery): void {
    this.#recovery = recovery
  }
}

/** Of a connection that is handled on this thread. */
export class LocalRecovery implements Recovery {
  readonly #state: SessionState

  constructor(state: SessionState) {
    this.#state = state
  }

  begin(socket: Resumable, identity: string): boolean {
    if (identity !== this.#state.identity) return false
    socket.data = unpackData(this.#state.data, socket.user)
    return true
  }

  rejoin(socket: Resumable): Promise<unknown> {
    return Promise.all(this.#state.rooms.map((room) => socket.joinAsync(room)))
  }
}

/**
 * Tells users apart, whatever else a later login finds out about them: an object that has an `id` or, failing that, a `sub`
 * is that one, anything else is what it consists of. Of a fixed length.
 */
export function identityOf(user: unknown): string {
  const { id, sub } = (typeof user === 'object' && user !== null ? user : {}) as { id?: unknown; sub?: unknown }
  const name = [id, sub].find((each) => typeof each === 'string' || typeof each === 'number') ?? user
  const text = inspect(name, {
    depth: 4,
    sorted: true,
    customInspect: false,
    maxArrayLength: null,
    maxStringLength: null,
  })
  return createHash('sha256').update(text).digest('base64url')
}

/** `data` as of `encodeValue`. The user in it is not kept: the next login finds out who that is. @throws ShardwsError ARGUMENT_INVALID */
export function packData({ data, user }: Pick<Resumable, 'data' | 'user'>): Buffer {
  const hasUser = user !== undefined && (data as { user?: unknown } | null | undefined)?.user === user
  return encodeValue(hasUser ? { ...(data as object), user: undefined } : data, 'data, which is kept for the session,')
}

function unpackData(bytes: Uint8Array, user: unknown): unknown {
  const data = decodeValue(bytes)
  if (typeof data === 'object' && data !== null && 'user' in data) data.user ??= user
  return data
}
