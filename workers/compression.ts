import { ShardwsError } from '../src/shared/errors.ts'
import type { Agreement } from '../src/shared/protocol/permessage-deflate.ts'
import { Deflater } from './deflater.ts'
import { Inflater } from './inflater.ts'
import { OutputArea } from './output-area.ts'
import { TokenBucket } from './token-bucket.ts'
import { chooseEngine } from './zlib-engine.ts'
import type { ZlibEngine } from './zlib-stream.ts'

export interface CompressionOptions {
  /** zlib's effort, 1 to 9. */
  readonly level: number
  /** zlib's memory per deflater, 1 to 9. */
  readonly memLevel: number
  /** Bytes of an inflated message. */
  readonly maxPayload: number
  /** Deflaters that keep a connection's context, per shard. The next connections are served by the shared ones. */
  readonly maxDedicatedContexts: number
  /** Inflated bytes a connection may cause; twice as many at once. */
  readonly inflateBytesPerSecond: number
}

/** What a connection's compression has to know on another shard. Structured-cloneable. */
export interface CompressionSnapshot {
  /** The latest plaintext of a peer that keeps its context; null if it keeps none or has sent nothing compressed. */
  readonly received: Uint8Array | null
  /** Inflated bytes that it may still cause; null before the first. See `TokenBucket`. */
  readonly budget: number | null
}

const MAX_WINDOW_BITS = 15
/** zlib before 1.2.9 compresses with a window of 512 bytes when it is told 256. */
const MIN_INFLATE_WINDOW_BITS = 9

/** The zlib contexts of one shard: some that all connections share, and those that belong to one. */
export class Compression {
  readonly options: CompressionOptions
  readonly #engine: ZlibEngine
  /** A handler may answer with the very bytes it got: what is inflated and what is deflated lie apart. */
  readonly #deflated = new OutputArea()
  readonly #inflated = new OutputArea()
  /** By window bits. */
  readonly #sharedDeflaters = new Map<number, Deflater>()
  readonly #sharedInflater: Inflater
  #dedicatedDeflaters = 0
  #mayKeepMore = true

  constructor(options: CompressionOptions, engine: ZlibEngine = chooseEngine()) {
    this.options = options
    this.#engine = engine
    this.#sharedInflater = this.#createInflater(MAX_WINDOW_BITS, false)
  }

  /** What a connection that has agreed on compression uses; costs no zlib memory before its first message. */
  open(agreement: Agreement): ConnectionCompression {
    return new ConnectionCompression(this, agreement)
  }

  /**
   * The body of a message for any connection that allows `windowBits`, valid until the next call. One that keeps its
   * context needs `forgetSent` with it.
   */
  deflateShared(payload: Uint8Array, windowBits: number): Buffer {
    let deflater = this.#sharedDeflaters.get(windowBits)
    if (deflater === undefined) {
      deflater = this.#createDeflater(windowBits)
      this.#sharedDeflaters.set(windowBits, deflater)
    }
    return deflater.deflate(payload, false)
  }

  inflateShared(body: Uint8Array): Buffer | ShardwsError {
    return this.#sharedInflater.inflate(body, false)
  }

  /** While they are not, connections that have none yet are served by the shared ones. */
  allowContexts(isAllowed: boolean): void {
    this.#mayKeepMore = isAllowed
  }

  /** Null if there are as many as there may be: a sender is free to keep no context. */
  createDedicatedDeflater(windowBits: number): Deflater | null {
    if (!this.#mayKeepMore || this.#dedicatedDeflaters >= this.options.maxDedicatedContexts) return null
    this.#dedicatedDeflaters += 1
    return this.#createDeflater(windowBits)
  }

  closeDedicatedDeflater(deflater: Deflater): void {
    this.#dedicatedDeflaters -= 1
    deflater.close()
  }

  /** Without a limit here: a peer that keeps its context can be understood in no other way, so main limits these. */
  createDedicatedInflater(windowBits: number): Inflater {
    return this.#createInflater(Math.max(windowBits, MIN_INFLATE_WINDOW_BITS), true)
  }

  close(): void {
    for (const deflater of this.#sharedDeflaters.values()) deflater.close()
    this.#sharedDeflaters.clear()
    this.#sharedInflater.close()
  }

  #createDeflater(windowBits: number): Deflater {
    const { level, memLevel } = this.options
    return new Deflater(this.#engine.createDeflate({ level, memLevel, windowBits }), this.#deflated)
  }

  #createInflater(windowBits: number, isMovable: boolean): Inflater {
    return new Inflater(this.#engine, windowBits, this.options.maxPayload, this.#inflated, isMovable)
  }
}

/** Compression of one connection, as agreed. */
export class ConnectionCompression {
  readonly agreement: Agreement
  readonly #shard: Compression
  #deflater: Deflater | null = null
  #inflater: Inflater | null = null
  #budget: TokenBucket | null = null

  constructor(shard: Compression, agreement: Agreement) {
    this.agreement = agreement
    this.#shard = shard
  }

  /** What we send is not part of it: a sender may begin with an empty context at any time. */
  snapshot(now: number): CompressionSnapshot {
    return { received: this.#inflater?.snapshot() ?? null, budget: this.#budget?.snapshot(now) ?? null }
  }

  /** To be called before the first message; costs no zlib memory until then. */
  restore({ received, budget }: CompressionSnapshot, now: number): void {
    if (received !== null) this.#ensureInflater().restore(received)
    if (budget !== null) this.#ensureBudget(now).restore(budget, now)
  }

  /**
   * The body to send with RSV1 set, valid until the next call on this shard, or null to send the payload as it is,
   * because it would not get smaller.
   */
  deflate(payload: Uint8Array): Buffer | null {
    const { serverNoContextTakeover, serverMaxWindowBits } = this.agreement
    if (!serverNoContextTakeover) {
      this.#deflater ??= this.#shard.createDedicatedDeflater(serverMaxWindowBits)
      // What a context has seen must be sent, whatever its size.
      if (this.#deflater !== null) return this.#deflater.deflate(payload, true)
    }
    const body = this.#shard.deflateShared(payload, serverMaxWindowBits)
    return body.length < payload.length ? body : null
  }

  /**
   * The message, valid until the next call on this shard, or what ends the connection: INVALID_COMPRESSED_DATA,
   * MESSAGE_TOO_BIG, INFLATE_BUDGET. The caller checks that text is UTF-8.
   *
   * @param now milliseconds of the shard's clock.
   */
  inflate(body: Uint8Array, now: number): Buffer | ShardwsError {
    const message = this.#inflate(body)
    if (message instanceof ShardwsError) return message
    return this.#ensureBudget(now).spend(message.length, now) ? message : new ShardwsError('INFLATE_BUDGET')
  }

  /** The peer has been sent a message of `deflateShared`: what it keeps is not what our context has seen. */
  forgetSent(): void {
    this.#deflater?.reset()
  }

  /** The connection has ended. */
  close(): void {
    if (this.#deflater !== null) this.#shard.closeDedicatedDeflater(this.#deflater)
    this.#inflater?.close()
    this.#deflater = null
    this.#inflater = null
  }

  #inflate(body: Uint8Array): Buffer | ShardwsError {
    if (this.agreement.clientNoContextTakeover) return this.#shard.inflateShared(body)
    return this.#ensureInflater().inflate(body, true)
  }

  #ensureInflater(): Inflater {
    this.#inflater ??= this.#shard.createDedicatedInflater(this.agreement.clientMaxWindowBits)
    return this.#inflater
  }

  #ensureBudget(now: number): TokenBucket {
    const { inflateBytesPerSecond, maxPayload } = this.#shard.options
    // A message that may be sent at all must fit.
    this.#budget ??= new TokenBucket(inflateBytesPerSecond, Math.max(2 * inflateBytesPerSecond, maxPayload), now)
    return this.#budget
  }
}
