import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createStderrLogger } from '../../src/main/logger.ts'
import { type Applicant, SecurityLog } from '../../src/main/security-log.ts'
import { ERRORS, type ErrorCode } from '../../src/shared/errors.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const IP = '203.0.113.9'

function applicant(url: string, origin?: string): Applicant {
  const request = new IncomingMessage(new Socket())
  request.url = url
  if (origin !== undefined) request.headers.origin = origin
  return { request, ip: IP }
}

/** A log on the standard error, and the lines it has written. */
function start(t: Test): { log: SecurityLog; lines: () => string[] } {
  const { args } = t.capture(process.stderr, 'write', () => true)
  return { log: new SecurityLog(createStderrLogger('warn')), lines: () => args().map(([line]) => String(line)) }
}

function refuse(log: SecurityLog, code: ErrorCode, who: Applicant): boolean {
  return log.refused(code, ERRORS[code].message, who)
}

const REFUSED = 'shardws warn: handshake refused:'

/** What is refused, and the line it makes. */
const GOLDEN: readonly (readonly [code: ErrorCode, url: string, origin: string | undefined, line: string])[] = [
  [
    'ORIGIN_FORBIDDEN',
    '/chat?token=secret',
    'https://evil.example',
    `${REFUSED} the origin is not allowed {"security":true,"reason":"origin","code":"ORIGIN_FORBIDDEN","ip":"${IP}","url":"/chat?token=***","origin":"https://evil.example"}`,
  ],
  [
    'ORIGIN_FORBIDDEN',
    '/',
    'x\r\nshardws warn: forged \x1b[31m',
    `${REFUSED} the origin is not allowed {"security":true,"reason":"origin","code":"ORIGIN_FORBIDDEN","ip":"${IP}","url":"/","origin":"x\\\\u{d}\\\\u{a}shardws warn: forged \\\\u{1b}[31m"}`,
  ],
  [
    'ADDRESS_FORBIDDEN',
    '/a\nb?secret',
    undefined,
    `${REFUSED} the address is not allowed {"security":true,"reason":"address","code":"ADDRESS_FORBIDDEN","ip":"${IP}","url":"/a\\\\u{a}b?***"}`,
  ],
  [
    'CONNECTION_RATE',
    '/',
    undefined,
    `${REFUSED} more opening handshakes of one address than connectionRate allows {"security":true,"reason":"rate","code":"CONNECTION_RATE","option":"connectionRate","ip":"${IP}","url":"/"}`,
  ],
  [
    'TOO_MANY_CONNECTIONS',
    '/',
    undefined,
    `${REFUSED} more connections of one address than maxConnectionsPerIp {"security":true,"reason":"rate","code":"TOO_MANY_CONNECTIONS","option":"maxConnectionsPerIp","ip":"${IP}","url":"/"}`,
  ],
  [
    'UNAUTHORIZED',
    '/?token=secret&room=7',
    'null',
    `${REFUSED} the client was refused by verifyClient or upgrade {"security":true,"reason":"auth","code":"UNAUTHORIZED","ip":"${IP}","url":"/?token=***&room=***","origin":"null"}`,
  ],
]

for (const [code, url, origin, line] of GOLDEN) {
  t.test(`row 78, AU08: the line of ${code} for ${JSON.stringify(origin ?? url)}`, async (t) => {
    const { log, lines } = start(t)
    t.ok(refuse(log, code, applicant(url, origin)))
    t.same(lines(), [`${line}\n`])
  })
}

t.test('row 78, AU08: the line of a close with 1008', async (t) => {
  const { log, lines } = start(t)
  log.closed({ id: 'id-1', request: { ip: IP } }, 'Authentication\nrequired')
  t.same(lines(), [
    `shardws warn: connection closed for breaking a policy {"security":true,"reason":"policy","closeCode":1008,"id":"id-1","ip":"${IP}","text":"Authentication\\\\u{a}required"}\n`,
  ])
})

t.test('AU08 a refusal that is for capacity or form is none of its business', async (t) => {
  const { log, lines } = start(t)
  for (const code of ['BAD_REQUEST', 'OVER_CAPACITY', 'SHUTTING_DOWN', 'PATH_NOT_FOUND', 'VERIFY_FAILED'] as const) {
    t.notOk(refuse(log, code, applicant('/')), code)
  }
  t.same(lines(), [])
})

t.test('row 78: a hundred a second, then how many there were besides', async (t) => {
  let nowMs = 5000
  t.capture(performance, 'now', () => nowMs)
  const logger = new RecordingLogger()
  const log = new SecurityLog(logger)
  for (let i = 0; i < 150; i++) refuse(log, 'CONNECTION_RATE', applicant('/'))
  for (let i = 0; i < 20; i++) log.closed({ id: 'x', request: { ip: IP } }, '')
  t.equal(logger.records.length, 100)
  nowMs += 1000
  log.closed({ id: 'y', request: { ip: IP } }, '')
  t.same(logger.records.slice(100), [
    { level: 'warn', details: { security: true, suppressed: 70 }, message: 'security events, not logged one by one' },
    {
      level: 'warn',
      details: { security: true, reason: 'policy', closeCode: 1008, id: 'y', ip: IP, text: '' },
      message: 'connection closed for breaking a policy',
    },
  ])
})

t.test('row 13: that cookies come from any origin is said once', async (t) => {
  const logger = new RecordingLogger()
  const log = new SecurityLog(logger)
  for (let i = 0; i < 3; i++) log.cookieForAnyOrigin()
  t.match(logger.records, [{ level: 'warn', details: { security: true, reason: 'origin', option: 'allowOrigins' } }])
  t.equal(logger.records.length, 1)
})
