import { escapeControls } from '../main/log-text.ts'

/** What Node's error codes mean to somebody at a command line, and what helps. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there; is the server running?',
  ECONNRESET: 'the connection was reset by the other end',
  EPIPE: 'the connection was closed by the other end',
  ETIMEDOUT: 'no answer in time; is the address right?',
  EHOSTUNREACH: 'there is no way to that address',
  ENETUNREACH: 'there is no way to that network',
  ENOTFOUND: 'no such host; is the name spelled right?',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  EADDRINUSE: 'the port is taken; choose another one with --port, or --port 0 for a free one',
  EADDRNOTAVAIL: 'this machine has no such address; see --host',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'no such file or directory',
  EISDIR: 'is a directory',
  ENOTDIR: 'is no directory',
  EMFILE: 'this process may not open more files; see ulimit -n',
  EPROTO: 'no TLS there; is it ws: instead of wss:?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'no TLS there; is it ws: instead of wss:?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'no TLS there; is it ws: instead of wss:?',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed; --insecure accepts it',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is self-signed; --insecure accepts it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the issuer of the certificate is not known; --insecure accepts it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the issuer of the certificate is not known; --insecure accepts it',
  CERT_HAS_EXPIRED: 'the certificate has expired; --insecure accepts it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name; --insecure accepts it',
}

/** An error of any kind in one line, without a stack. */
export function explain(error: unknown): string {
  const { code = '', message = '' } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as NodeJS.ErrnoException
  const meaning = Object.hasOwn(MEANINGS, code) ? `${MEANINGS[code]} (${code})` : undefined
  return escapeControls(meaning ?? (message === '' ? String(error) : message))
}
