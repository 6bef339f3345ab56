import { type Extension, type ExtensionParameter, formatExtension } from './extensions.ts'

/**
 * What a server and a client have agreed on, RFC 7692 §7.1. Window bits are the base-2 logarithm of the LZ77 window
 * in bytes: 15 means 32 KiB.
 */
export interface Agreement {
  /** The server starts every message with an empty window. */
  readonly serverNoContextTakeover: boolean
  /** The client starts every message with an empty window. */
  readonly clientNoContextTakeover: boolean
  /** The server compresses with a window of at most this; 9 to 15. */
  readonly serverMaxWindowBits: number
  /** The client compresses with a window of at most this; 8 to 15. */
  readonly clientMaxWindowBits: number
}

/** What this end asks for: it gets the first three always, the last one only from a peer that can be told. */
export interface DeflatePolicy {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  /** 9 to 15. */
  readonly serverMaxWindowBits: number
  /** 9 to 15. */
  readonly clientMaxWindowBits: number
}

const EXTENSION_NAME = 'permessage-deflate'

const MIN_WINDOW_BITS = 8
const MAX_WINDOW_BITS = 15
/** zlib cannot compress raw DEFLATE with a window of 256 bytes: it takes 512, and the peer cannot follow. */
const MIN_OWN_WINDOW_BITS = 9

/** The parameters of one offer or answer; window bits are null if absent, `true` if present without a value. */
interface Parameters {
  serverNoContextTakeover: boolean
  clientNoContextTakeover: boolean
  serverMaxWindowBits: number | null
  clientMaxWindowBits: number | true | null
}

/** `policy` for a connection that must not keep a context, such as the one after the last that may. */
export function withoutTakeover(policy: DeflatePolicy): DeflatePolicy {
  return { ...policy, serverNoContextTakeover: true, clientNoContextTakeover: true }
}

/** Whether a shard keeps a zlib context of its own for such a connection. */
export function keepsContext({ serverNoContextTakeover, clientNoContextTakeover }: Agreement): boolean {
  return !serverNoContextTakeover || !clientNoContextTakeover
}

/**
 * The server's part: what the first acceptable offer leads to, or null to go on without compression. An offer that
 * cannot be understood or kept is declined as RFC 7692 §7.1 demands, and the next one is looked at.
 */
export function negotiate(offers: readonly Extension[], policy: DeflatePolicy): Agreement | null {
  for (const { name, parameters } of offers) {
    const offer = name === EXTENSION_NAME ? readParameters(parameters) : null
    if (offer === null) continue
    const serverMaxWindowBits = Math.min(policy.serverMaxWindowBits, offer.serverMaxWindowBits ?? MAX_WINDOW_BITS)
    if (serverMaxWindowBits < MIN_OWN_WINDOW_BITS) continue
    return {
      serverNoContextTakeover: policy.serverNoContextTakeover || offer.serverNoContextTakeover,
      // RFC 7692 §7.1.1.2: in an offer it is a hint; agreeing to it saves us the context.
      clientNoContextTakeover: policy.clientNoContextTakeover || offer.clientNoContextTakeover,
      serverMaxWindowBits,
      clientMaxWindowBits: clientWindowBits(offer.clientMaxWindowBits, policy.clientMaxWindowBits),
    }
  }
  return null
}

/** The server's answer. What is 15 needs not be said. */
export function formatAgreement(agreement: Agreement): string {
  return formatExtension({ name: EXTENSION_NAME, parameters: parametersOf(agreement) })
}

/** The client's offer. */
export function formatOffer(policy: DeflatePolicy): string {
  const parameters = parametersOf({ ...policy, clientMaxWindowBits: MAX_WINDOW_BITS })
  const value = policy.clientMaxWindowBits < MAX_WINDOW_BITS ? String(policy.clientMaxWindowBits) : null
  return formatExtension({
    name: EXTENSION_NAME,
    parameters: [...parameters, { name: 'client_max_window_bits', value }],
  })
}

/**
 * The client's part: what the answer to `formatOffer(policy)` leads to. Null if it is no answer to that offer: the
 * client then fails the connection (RFC 6455 §4.1).
 */
export function acceptAnswer(answers: readonly Extension[], policy: DeflatePolicy): Agreement | null {
  const [first] = answers
  // RFC 6455 §9.1: the server accepts what was offered; that was one extension, once.
  if (first === undefined || answers.length > 1 || first.name !== EXTENSION_NAME) return null
  const answer = readParameters(first.parameters)
  if (answer === null) return null
  // RFC 7692 §7.1.1.1 and §7.1.2.1: a server that accepts these parameters repeats them.
  if (policy.serverNoContextTakeover && !answer.serverNoContextTakeover) return null
  const serverMaxWindowBits = answer.serverMaxWindowBits ?? MAX_WINDOW_BITS
  if (serverMaxWindowBits > policy.serverMaxWindowBits) return null
  // RFC 7692 §7.1.2.2: in an answer it has a value, at most what was offered.
  const clientMaxWindowBits = answer.clientMaxWindowBits ?? policy.clientMaxWindowBits
  if (clientMaxWindowBits === true || clientMaxWindowBits < MIN_OWN_WINDOW_BITS) return null
  if (clientMaxWindowBits > policy.clientMaxWindowBits) return null
  return {
    serverNoContextTakeover: answer.serverNoContextTakeover,
    clientNoContextTakeover: policy.clientNoContextTakeover || answer.clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits,
  }
}

/** Null for an unknown or repeated parameter or a value it must not have: RFC 7692 §7.1. */
function readParameters(list: readonly ExtensionParameter[]): Parameters | null {
  const parameters: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: null,
    clientMaxWindowBits: null,
  }
  const seen = new Set<string>()
  for (const { name, value } of list) {
    if (seen.has(name) || !readParameter(parameters, name, value)) return null
    seen.add(name)
  }
  return parameters
}

function readParameter(parameters: Parameters, name: string, value: string | null): boolean {
  switch (name) {
    case 'server_no_context_takeover':
      parameters.serverNoContextTakeover = true
      return value === null
    case 'client_no_context_takeover':
      parameters.clientNoContextTakeover = true
      return value === null
    case 'server_max_window_bits':
      parameters.serverMaxWindowBits = readWindowBits(value)
      return parameters.serverMaxWindowBits !== null
    case 'client_max_window_bits':
      // RFC 7692 §7.1.2.2: without a value the client only says that it can be told one.
      parameters.clientMaxWindowBits = value === null ? true : readWindowBits(value)
      return parameters.clientMaxWindowBits !== null
    default:
      return false
  }
}

/** RFC 7692 §7.1.2: a decimal integer from 8 to 15 without leading zeros. */
function readWindowBits(value: string | null): number | null {
  const bits = Number(value)
  if (String(bits) !== value || !Number.isInteger(bits)) return null
  return bits >= MIN_WINDOW_BITS && bits <= MAX_WINDOW_BITS ? bits : null
}

function clientWindowBits(offered: number | true | null, wanted: number): number {
  // RFC 7692 §7.1.2.2: a client that does not offer the parameter must not be told.
  if (offered === null) return MAX_WINDOW_BITS
  return offered === true ? wanted : Math.min(offered, wanted)
}

function parametersOf(agreement: Agreement): ExtensionParameter[] {
  const parameters: ExtensionParameter[] = []
  if (agreement.serverNoContextTakeover) parameters.push({ name: 'server_no_context_takeover', value: null })
  if (agreement.clientNoContextTakeover) parameters.push({ name: 'client_no_context_takeover', value: null })
  if (agreement.serverMaxWindowBits < MAX_WINDOW_BITS) {
    parameters.push({ name: 'server_max_window_bits', value: String(agreement.serverMaxWindowBits) })
  }
  if (agreement.clientMaxWindowBits < MAX_WINDOW_BITS) {
    parameters.push({ name: 'client_max_window_bits', value: String(agreement.clientMaxWindowBits) })
  }
  return parameters
}
