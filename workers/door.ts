import type { IncomingMessage } from 'node:http'
import { normalizeAddress } from '../src/shared/address.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { DoorRules } from '../src/shared/messages.ts'
import { compileOrigins } from '../src/shared/origin.ts'
import { type OpeningHandshake, splitTarget, validateUpgrade } from '../src/shared/protocol/handshake.ts'
import { SESSION_PROTOCOL } from '../src/shared/protocol/session-protocol.ts'
import { selectSubprotocol } from '../src/shared/protocol/subprotocol.ts'
import { requestFields } from '../src/shared/request-fields.ts'
import { Router } from '../src/shared/router.ts'
import type { RequestFields } from '../src/shared/upgrade-request.ts'

/** A client who may come in without main's word. */
export interface Entry {
  readonly opening: OpeningHandshake
  /** Index of the module that handles it. */
  readonly module: number
  readonly fields: RequestFields
}

/** What a handshake is measured by where no function on main has a say. */
export class Door {
  readonly rules: DoorRules
  readonly #router = new Router()
  /** The module of each route; a route that is not here leads to main. */
  readonly #modules = new Map<object, number>()
  readonly #isOriginAllowed: (origin: string, host: string) => boolean

  constructor(rules: DoorRules) {
    this.rules = rules
    this.#isOriginAllowed = compileOrigins(rules.allowOrigins)
    for (const { path, module } of rules.routes) {
      const route = { open: () => {} }
      this.#router.add(path, route)
      if (module !== null) this.#modules.set(route, module)
    }
  }

  /** Null: main decides, also about how a client is refused. */
  find(request: IncomingMessage): Entry | null {
    const { method = '', httpVersion, url = '', rawHeaders, headers } = request
    const opening = validateUpgrade({ method, httpVersion, url, rawHeaders }, this.rules)
    if (opening instanceof ShardwsError || !this.#isFromAllowed(opening.origin, headers.host)) return null
    if (this.rules.hasSessions && opening.protocols.includes(SESSION_PROTOCOL)) return null
    const match = this.#router.find(splitTarget(url).path)
    const module = match === null ? undefined : this.#modules.get(match.handler)
    const protocol = selectSubprotocol(opening.protocols, this.rules.protocols) || ''
    const ip = normalizeAddress(request.socket.remoteAddress ?? '')
    if (match === null || module === undefined || ip === null) return null
    if (protocol === '' && this.rules.requireProtocol) return null
    const found = { protocol, ip, user: undefined, params: match.params }
    return { opening, module, fields: requestFields(request, found) }
  }

  #isFromAllowed(origin: string | undefined, host = ''): boolean {
    return origin === undefined ? !this.rules.requireOrigin : this.#isOriginAllowed(origin, host)
  }
}
