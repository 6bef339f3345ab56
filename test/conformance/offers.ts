import type { HeaderOverrides } from '../fixtures/raw-request.ts'
import { accepted, type HandshakeCase, refused, withPipelined } from './handshake-case.ts'

type Mode = 'shared' | 'dedicated'

const NAME = 'permessage-deflate'
const BOTH = 'server_no_context_takeover; client_no_context_takeover'

/** Answers of a server with the given mode and windows of 13 bits. */
export function offerCases(mode: Mode): readonly HandshakeCase[] {
  return [...agreed(mode), ...declined(), ...withPipelined(malformed())]
}

function agreed(mode: Mode): HandshakeCase[] {
  const takeovers = (given: string): string => (mode === 'shared' ? BOTH : given)
  const answer = (...parameters: string[]): string => [NAME, ...parameters].filter((each) => each !== '').join('; ')
  const [server13, client13] = ['server_max_window_bits=13', 'client_max_window_bits=13']
  const plain = answer(takeovers(''), server13)
  const told = answer(takeovers(''), server13, client13)
  const rows: readonly (readonly [offer: string | readonly string[], answer: string])[] = [
    [NAME, plain],
    [`${NAME}; client_max_window_bits`, told],
    [`${NAME}; client_max_window_bits=15`, told],
    [`${NAME}; client_max_window_bits=9`, answer(takeovers(''), server13, 'client_max_window_bits=9')],
    [`${NAME}; client_max_window_bits=8`, answer(takeovers(''), server13, 'client_max_window_bits=8')],
    [`${NAME}; server_max_window_bits=9`, answer(takeovers(''), 'server_max_window_bits=9')],
    [`${NAME}; server_max_window_bits=15`, plain],
    [`${NAME}; server_no_context_takeover`, answer(takeovers('server_no_context_takeover'), server13)],
    [`${NAME}; client_no_context_takeover`, answer(takeovers('client_no_context_takeover'), server13)],
    [`${NAME}; ${BOTH}`, answer(BOTH, server13)],
    [`${NAME} ;  client_max_window_bits = "13"`, told],
    [`, ,${NAME},`, plain],
    [`x-webkit-deflate-frame, ${NAME}`, plain],
    [['permessage-foo; a=b', NAME], plain],
    [`${NAME}; server_max_window_bits=8, ${NAME}; client_max_window_bits`, told],
    [`${NAME}; unknown, ${NAME}; server_max_window_bits=16, ${NAME}`, plain],
    [`${NAME}, ${NAME}; server_max_window_bits=9`, plain],
  ]
  return rows.map(([offer, expected], index) => ({
    ...accepted(`S13.1.${index + 1}`, `offer ${offer}`, offering(offer)),
    headers: { 'sec-websocket-extensions': expected },
  }))
}

/** RFC 7692 §7.1: an offer that cannot be understood is declined, and the connection goes on without. */
function declined(): HandshakeCase[] {
  const parameters = [
    'server_max_window_bits=8',
    'server_max_window_bits=7',
    'server_max_window_bits=16',
    'server_max_window_bits=09',
    'server_max_window_bits=1e1',
    'server_max_window_bits=-9',
    'server_max_window_bits',
    'client_max_window_bits=7',
    'client_max_window_bits=16',
    'client_max_window_bits=010',
    'client_max_window_bits=x',
    'server_no_context_takeover=true',
    'client_no_context_takeover=1',
    'unknown',
    'unknown=1',
    'server_no_context_takeover; server_no_context_takeover',
    'client_no_context_takeover; client_no_context_takeover',
    'client_max_window_bits; client_max_window_bits',
    'server_max_window_bits=10; server_max_window_bits=10',
  ]
  const offers = [...parameters.map((each) => `${NAME}; ${each}`), 'Permessage-Deflate', 'permessage-bzip2']
  return offers.map((offer, index) => ({
    ...accepted(`S13.2.${index + 1}`, `offer ${offer}`, offering(offer)),
    headers: { 'sec-websocket-extensions': null },
  }))
}

/** RFC 6455 §9.1: outside the grammar. */
function malformed(): HandshakeCase[] {
  const offers = [
    ';',
    `${NAME};`,
    `${NAME}; =1`,
    `${NAME}; a=`,
    `${NAME}; a="b`,
    `${NAME}; a="b c"`,
    `${NAME}; a=""`,
    `${NAME} ${NAME}`,
    `${NAME}; a=b=c`,
    `${NAME}; a b`,
    `${NAME}, (comment)`,
    `${NAME}; ${'a;'.repeat(300)}b`,
  ]
  return offers.map((offer, index) =>
    refused(`S13.3.${index + 1}`, `malformed: ${offer.slice(0, 60)}`, 400, offering(offer)),
  )
}

function offering(offer: string | readonly string[]): HeaderOverrides {
  return { 'Sec-WebSocket-Extensions': offer }
}
