import { ShardwsError } from '../../src/shared/errors.ts'
import { Deflater } from '../../workers/deflater.ts'
import { Inflater } from '../../workers/inflater.ts'
import { OutputArea } from '../../workers/output-area.ts'
import { HANDLE_ENGINE } from '../../workers/zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from '../../workers/zlib-per-message.ts'
import type { ZlibEngine } from '../../workers/zlib-stream.ts'
import { measure } from './measure.ts'

const PARAMETERS = { level: 3, memLevel: 6, windowBits: 13 }
const MAX_PAYLOAD = 1 << 20

/** Messages in turn, so that a context never sees the same one twice in a row. */
const ROUND = 64
const NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Ken', 'Donald', 'Radia', 'Tim', 'Vint']
let seed = 1

function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return (seed >>> 8) % below
}

/** A JSON text of an application, cut to `bytes`. */
function json(bytes: number): Buffer {
  let text = '{"type":"presence","room":"general","users":['
  while (text.length < bytes) {
    const name = NAMES[random(NAMES.length)]
    text += `{"id":${random(1e6)},"name":"${name}","role":"member","online":${random(2) === 0},"lastSeen":${1.7e12 + random(1e9)}},`
  }
  return Buffer.from(text.slice(0, bytes))
}

function bench(name: string, engine: ZlibEngine, keepContext: boolean, payloads: readonly Buffer[]): void {
  const deflater = new Deflater(engine.createDeflate(PARAMETERS), new OutputArea())
  const inflater = new Inflater(engine, PARAMETERS.windowBits, MAX_PAYLOAD, new OutputArea())
  const deflated = (): Buffer[] => payloads.map((payload) => Buffer.from(deflater.deflate(payload, keepContext)))
  const inflate = (bodies: readonly Buffer[]): void => {
    for (const body of bodies) if (inflater.inflate(body, keepContext) instanceof ShardwsError) throw new Error(name)
  }
  inflate(deflated())
  // From the second round on a context has always seen the same, so these bodies can be inflated again and again.
  const bodies = deflated()
  const wireBytes = Math.round(bodies.reduce((sum, { length }) => sum + length, 0) / ROUND)
  measure(`deflate ${name}, ${wireBytes} B on the wire`, ROUND, () => {
    for (const payload of payloads) deflater.deflate(payload, keepContext)
  })
  measure(`inflate ${name}`, ROUND, () => inflate(bodies))
}

for (const size of [64, 827, 16_384]) {
  const payloads = Array.from({ length: ROUND }, () => json(size))
  bench(`${size} B, a new context`, PER_MESSAGE_ENGINE, false, payloads)
  bench(`${size} B, shared`, HANDLE_ENGINE, false, payloads)
  bench(`${size} B, dedicated`, HANDLE_ENGINE, true, payloads)
}
