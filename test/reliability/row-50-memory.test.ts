import t, { type Test } from 'tap'
import { DeflateContext } from '../fixtures/deflate-context.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { CANARY } from './poison.ts'
import { type RowServer, type RowServerSpec, withRowServer } from './row-server.ts'

/** A mistake of the caller, told to the caller and nobody else. */
const isTypeError = (thrown: string): boolean => thrown === 'ARGUMENT_INVALID' || thrown.startsWith('TypeError')

/** As much of it as may stand at the edge of what leaked. */
const TRACE = CANARY.subarray(0, 12)

interface Names {
  readonly odd: readonly string[]
  readonly messages: readonly string[]
  readonly ends: readonly string[]
}

// The neighbours would get the broadcasts.
const SPEC: RowServerSpec = { app: 'odd-calls', hasNeighbours: false }

t.test('row 50: whatever is passed as a message, no memory but its own reaches a peer', async (t) => {
  await withRowServer(t, SPEC, async (server) => {
    const { odd, messages } = await server.call<Names>('names')
    const [victim, other] = [await server.join(), await server.join()]
    const wrong: string[] = []
    for (const entry of messages) {
      for (const name of odd) {
        const thrown = await server.call<string | null>('call', entry, name, victim.id, other.id)
        // Behind whatever the call has sent.
        await server.call('say', victim.id, 'marker')
        const received: Buffer[] = []
        for (;;) {
          const { opcode, payload } = await victim.client.nextFrame()
          if (opcode === RawOpcode.Text && payload.toString() === 'marker') break
          received.push(payload)
        }
        await victim.client.nextFrame()
        // All values hold zeros: anything else is somebody else's memory.
        const isForeign = received.some((payload) => payload.some((byte) => byte !== 0))
        if (isForeign) wrong.push(`${entry}(${name}) sent ${received.map((each) => each.toString('latin1', 0, 60))}`)
        if (thrown !== null && !isTypeError(thrown)) wrong.push(`${entry}(${name}) threw ${thrown}`)
        if (thrown !== null && received.length > 0) wrong.push(`${entry}(${name}) threw and sent`)
      }
    }
    t.same(wrong, [])
    for (const name of odd) {
      if (!(await server.call<boolean>('misplaced', name, victim.id))) continue
      t.equal((await victim.client.nextFrame()).payload.toString(), 'misplaced', name)
    }
    t.same(victim.client.violations, [])
  })
})

t.test('row 50: whatever is passed as code or reason, no memory but its own is in a close frame', async (t) => {
  await withRowServer(t, SPEC, async (server) => {
    const { odd, ends } = await server.call<Names>('names')
    const other = await server.join()
    for (const entry of ends) {
      for (const name of odd) {
        const { client, id } = await server.join()
        const thrown = await server.call<string | null>('call', entry, name, id, other.id)
        if (thrown === null) {
          const { payload } = await client.closeFrame()
          t.equal(payload.toString('hex'), '03e8', `${entry}(${name}): 1000 without a reason`)
        } else {
          t.ok(isTypeError(thrown), `${entry}(${name})`)
        }
        client.destroy()
      }
    }
  })
})

t.test('row 50: whatever verifyClient and handleProtocols answer, the HTTP answer holds no other memory', async (t) => {
  await withRowServer(t, SPEC, async (server) => {
    const { odd } = await server.call<Names>('names')
    for (const name of odd) {
      for (const part of ['body', 'header', 'status']) {
        const target = `/refuse?${part}=${encodeURIComponent(name)}`
        await assertAnswered(t, server, upgradeRequest({}, { target }), `${part}: ${name}`)
      }
    }
    for (const [index, name] of odd.entries()) {
      const headers = { 'Sec-WebSocket-Protocol': `odd-${index}` }
      await assertAnswered(t, server, upgradeRequest(headers), `subprotocol: ${name}`)
    }
  })
})

async function assertAnswered(t: Test, server: RowServer, request: Buffer, what: string): Promise<void> {
  const socket = await RawSocket.open(server.port, 15_000)
  const chunks: Buffer[] = []
  socket.onBytes = (chunk) => void chunks.push(chunk)
  socket.write(request)
  await socket.waitFor('an answer', () => Buffer.concat(chunks).includes('\r\n\r\n') || undefined)
  const status = Buffer.concat(chunks).toString('latin1', 9, 12)
  if (status === '101') socket.end()
  else t.match(status, /^[45]\d\d$/, what)
  await socket.waitEnd()
  t.notOk(Buffer.concat(chunks).includes(TRACE), what)
  socket.destroy()
}

for (const compression of [false, 'shared', 'dedicated'] as const) {
  t.test(`row 50: messages of every size and width arrive as they are, compression: ${compression}`, async (t) => {
    await withRowServer(t, { ...SPEC, options: { compression } }, async (server) => {
      const headers = compression === false ? {} : { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
      const { client, id } = await server.join({ headers })
      const context = new DeflateContext(client.extensions ?? '')
      const sizes = [
        0, 1, 41, 42, 125, 126, 127, 1023, 1024, 2730, 2731, 4095, 4096, 8191, 8192, 16_383, 65_535, 65_536, 300_000,
      ]
      for (const unit of ['a', 'é', '€', '🐎', 'ab€', '\ud800', 'a\udc00']) {
        for (const size of sizes) {
          const text = unit.repeat(size / unit.length)
          await server.call('say', id, text)
          // As a message and as a broadcast.
          for (let copy = 0; copy < 2; copy++) {
            const { payload: body, isCompressed = false } = await client.nextMessage()
            const payload = isCompressed ? context.inflate(body) : body
            // A lone surrogate becomes U+FFFD.
            if (!payload.equals(Buffer.from(text))) t.fail(`${text.length} units of ${JSON.stringify(unit)}`)
          }
        }
      }
      t.same(client.violations, [])
    })
  })
}
