import { randomBytes } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { ShardwsError } from '../shared/errors.ts'
import type { FrontTls, TlsContext, TlsContextName, TlsContexts } from '../shared/messages.ts'
import { type Check, checkOptions, isBoolean, isObject } from './option-checks.ts'

/** Certificates, which may be replaced while the server runs. */
export interface SecureContextOptions extends TlsContext {
  /**
   * Certificates by the server name that clients ask for (SNI): `{ 'example.org': { cert, key }, '*.example.org': … }`.
   * `*` stands for one label. Clients that ask for another name, or none, get the certificate beside this. Default {}.
   */
  readonly sni?: Readonly<Record<string, TlsContext>>
}

/** `tls`: how the shards speak TLS. What `tls.createSecureContext` takes, where it is plain data, and: */
export interface TlsOptions extends SecureContextOptions {
  /** Asks clients for a certificate: `request.socket` of `verifyClient` has `authorized` and `getPeerCertificate()`. Default false. */
  readonly requestCert?: boolean
  /** Refuses clients whose certificate `ca` does not vouch for, with `requestCert`. Default true. */
  readonly rejectUnauthorized?: boolean
}

/** `SessionTicketKeys` of OpenSSL. */
const TICKET_KEYS_BYTES = 48

/** A host name, or one whose first label is `*`. */
const SERVER_NAME = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/

const isText = (value: unknown): string | null => (typeof value === 'string' ? null : 'a string')

/** As `tls` has it: what is inside, `createSecureContext` checks. */
const isMaterial = (value: unknown): string | null =>
  typeof value === 'string' || value instanceof Uint8Array || Array.isArray(value)
    ? null
    : 'a string, a Buffer or an array of such'

const CONTEXT_CHECKS: Readonly<Record<TlsContextName, Check>> = {
  ca: isMaterial,
  cert: isMaterial,
  ciphers: isText,
  crl: isMaterial,
  dhparam: isMaterial,
  ecdhCurve: isText,
  key: isMaterial,
  maxVersion: isText,
  minVersion: isText,
  passphrase: isText,
  pfx: isMaterial,
  sigalgs: isText,
}

const SECURE_CHECKS: Readonly<Record<keyof SecureContextOptions, Check>> = {
  ...CONTEXT_CHECKS,
  sni: isObject('an object of certificates by server name'),
}

const TLS_CHECKS: Readonly<Record<keyof TlsOptions, Check>> = {
  ...SECURE_CHECKS,
  requestCert: isBoolean,
  rejectUnauthorized: isBoolean,
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveTls(given: TlsOptions | undefined): FrontTls | null {
  if (given === undefined) return null
  checkOptions('options.tls', TLS_CHECKS, given)
  const { requestCert = false, rejectUnauthorized = true, ...secure } = given
  const contexts = contextsOf('options.tls', secure, 'OPTION_INVALID')
  return Object.freeze({ contexts, ticketKeys: randomBytes(TICKET_KEYS_BYTES), requestCert, rejectUnauthorized })
}

/** @throws ShardwsError OPTION_UNKNOWN, ARGUMENT_INVALID */
export function resolveSecureContext(given: SecureContextOptions): TlsContexts {
  checkOptions('context', SECURE_CHECKS, given, 'ARGUMENT_INVALID')
  return contextsOf('context', given, 'ARGUMENT_INVALID')
}

type Invalid = 'OPTION_INVALID' | 'ARGUMENT_INVALID'

/** Tries every certificate here, so that a wrong one is the caller's mistake and not the shards'. */
function contextsOf(path: string, { sni = {}, ...fallback }: SecureContextOptions, invalid: Invalid): TlsContexts {
  const byName: Record<string, TlsContext> = {}
  for (const [name, context] of Object.entries(sni)) {
    const lowerCase = name.toLowerCase()
    if (!SERVER_NAME.test(lowerCase)) {
      throw new ShardwsError(invalid, `${path}.sni['${name}'] must be a host name, or '*.' and one`)
    }
    checkOptions(`${path}.sni['${name}']`, CONTEXT_CHECKS, context, invalid)
    assertUsable(`${path}.sni['${name}']`, context, invalid)
    byName[lowerCase] = { ...context }
  }
  if (hasCertificate(fallback) || Object.keys(byName).length === 0) assertUsable(path, fallback, invalid)
  return { fallback, byName }
}

function hasCertificate({ cert, key, pfx }: TlsContext): boolean {
  return cert !== undefined || key !== undefined || pfx !== undefined
}

function assertUsable(path: string, context: TlsContext, invalid: Invalid): void {
  const { cert, key, pfx } = context
  if (pfx === undefined && (cert === undefined || key === undefined)) {
    throw new ShardwsError(invalid, `${path} needs cert and key, or pfx`)
  }
  try {
    createSecureContext(context)
  } catch (cause) {
    throw new ShardwsError(invalid, `${path} is no usable certificate: ${(cause as Error).message}`, { cause })
  }
}
