import { jsonText } from './message-arguments.ts'
import { roomNames } from './room-name.ts'
import type { Addressee, CoalesceOptions, PublishOptions, SendOptions } from './send-options.ts'

/** `publish` of the server or of a handler's own thread. */
type Publish = (rooms: readonly string[], message: string | Uint8Array, options: PublishOptions) => boolean

/**
 * The members of some rooms, less some: `server.to('red', 'blue').except(id).send('hello')`. Each call returns a new one, so
 * it can be kept and used again; whoever is in the rooms at the time of `send` gets the message once.
 */
export class Audience {
  readonly #publish: Publish
  readonly #rooms: readonly string[]
  readonly #except: readonly (string | Addressee)[]
  readonly #exceptRooms: readonly string[]

  /** By the engine. @throws ShardwsError ARGUMENT_INVALID */
  constructor(
    publish: Publish,
    rooms: readonly string[],
    except: readonly (string | Addressee)[] = [],
    exceptRooms: readonly string[] = [],
  ) {
    this.#publish = publish
    this.#rooms = roomNames(rooms)
    this.#except = except
    this.#exceptRooms = roomNames(exceptRooms)
  }

  /** The members of these rooms too. @throws ShardwsError ARGUMENT_INVALID */
  to(...rooms: readonly string[]): Audience {
    return new Audience(this.#publish, [...this.#rooms, ...rooms], this.#except, this.#exceptRooms)
  }

  /** Not these connections: sockets or ids; an id that is not known is ignored. */
  except(connections: string | Addressee | readonly (string | Addressee)[]): Audience {
    const except = this.#except.concat(connections as string | Addressee)
    return new Audience(this.#publish, this.#rooms, except, this.#exceptRooms)
  }

  /** Not the members of these rooms. @throws ShardwsError ARGUMENT_INVALID */
  exceptRooms(...rooms: readonly string[]): Audience {
    return new Audience(this.#publish, this.#rooms, this.#except, [...this.#exceptRooms, ...rooms])
  }

  /** As `publish` to these rooms. @throws ShardwsError ARGUMENT_INVALID */
  send(message: string | Uint8Array, options?: boolean | (SendOptions & CoalesceOptions)): boolean {
    const send = typeof options === 'boolean' ? { isBinary: options } : options
    return this.#publish(this.#rooms, message, { ...send, except: this.#except, exceptRooms: this.#exceptRooms })
  }

  /** `send` of the value as JSON text, made once for all. @throws ShardwsError ARGUMENT_INVALID, also when there is no JSON for it. */
  json(value: unknown, options?: SendOptions & CoalesceOptions): boolean {
    return this.send(jsonText(value), options)
  }
}
