import type { IncomingMessage } from 'node:http'
import { addressBlock } from '../shared/address.ts'
import type { ConnectionKey } from '../shared/connection-key.ts'
import type { ErrorCode } from '../shared/errors.ts'
import { compileCidrs } from './cidr.ts'
import { compileClientAddress } from './client-address.ts'
import { ConnectionRateLimit } from './connection-rate.ts'
import type { ResolvedGuards } from './guard-options.ts'

/** Who may connect, by the client's address. */
export class AddressGuard {
  /** The client's address. @throws what a `trustProxy` function throws. */
  readonly addressOf: (request: IncomingMessage) => string
  readonly #isAllowed: (address: string) => boolean
  readonly #isDenied: (address: string) => boolean
  readonly #rate: ConnectionRateLimit | null
  readonly #maxPerBlock: number
  /** Empty without a limit per address. */
  readonly #blocks = new Map<ConnectionKey, string>()
  readonly #counts = new Map<string, number>()

  constructor({ trustProxy, allowIps, denyIps, connectionRate, maxConnectionsPerIp }: ResolvedGuards) {
    this.addressOf = compileClientAddress(trustProxy)
    this.#isAllowed = allowIps.length === 0 ? () => true : compileCidrs(allowIps)
    this.#isDenied = compileCidrs(denyIps)
    this.#rate = connectionRate && new ConnectionRateLimit(connectionRate)
    this.#maxPerBlock = maxConnectionsPerIp
  }

  /** To be asked once for each handshake that has begun. */
  refusalOf(address: string): ErrorCode | null {
    if (this.#isDenied(address) || !this.#isAllowed(address)) return 'ADDRESS_FORBIDDEN'
    return this.#rate === null || this.#rate.take(addressBlock(address)) ? null : 'CONNECTION_RATE'
  }

  hasRoomFor(address: string): boolean {
    return this.#maxPerBlock === 0 || (this.#counts.get(addressBlock(address)) ?? 0) < this.#maxPerBlock
  }

  /** A handshake of this address goes on. */
  add(key: ConnectionKey, address: string): void {
    if (this.#maxPerBlock === 0) return
    const block = addressBlock(address)
    this.#blocks.set(key, block)
    this.#counts.set(block, (this.#counts.get(block) ?? 0) + 1)
  }

  /** The handshake or connection has ended. Again is nothing: a shard's last words may follow its death. */
  remove(key: ConnectionKey): void {
    const block = this.#blocks.get(key)
    if (block === undefined) return
    this.#blocks.delete(key)
    const left = (this.#counts.get(block) ?? 0) - 1
    if (left > 0) this.#counts.set(block, left)
    else this.#counts.delete(block)
  }
}
