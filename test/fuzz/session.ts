import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { REPOSITORY } from '../fixtures/repository.ts'
import type { ServerName } from './servers.ts'

/** Answer of a handshake that got none. */
export const NO_ANSWER = 0

/** Bytes as hex digits, repeated. */
export interface Part {
  readonly hex: string
  /** Default 1. */
  readonly times?: number
}

/** Everything one client does, as plain data: what it sends is here byte by byte, so a file of it is a replay. */
export interface Session {
  readonly name: string
  readonly about?: string
  readonly server: ServerName
  /** The opening handshake, latin1. */
  readonly request: string
  /** Statuses that may answer it first; `NO_ANSWER` stands for none. */
  readonly statuses: readonly number[]
  /** What is sent behind it. */
  readonly frames: readonly Part[]
  /** Whether the frames wait for the 101. They are left out then if another status comes. */
  readonly waits: boolean
  /** Bytes of each write, from the first byte of the request on; what is left over goes in one. */
  readonly writes: readonly number[]
  /** Stops reading before that write for that many turns of the event loop. */
  readonly pause?: { readonly before: number; readonly turns: number }
  /** What follows the last byte: waiting for the outcome and then FIN, FIN at once, or RST at once. */
  readonly ending: 'stay' | 'end' | 'reset'
}

const CORPUS = new URL('test/fuzz/corpus/', REPOSITORY)

export function bytesOf(parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.flatMap(({ hex, times = 1 }) => Array<Buffer>(times).fill(Buffer.from(hex, 'hex'))))
}

/** What a server has to take for frames, once it has answered 101: everything behind the first empty line. */
export function framesOf({ request, frames }: Session): Buffer {
  const emptyLine = /\n\r?\n/.exec(request)
  const end = emptyLine === null ? request.length : emptyLine.index + emptyLine[0].length
  return Buffer.concat([Buffer.from(request.slice(end), 'latin1'), bytesOf(frames)])
}

export function readCorpus(): Session[] {
  const files = readdirSync(CORPUS).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => {
    const session = JSON.parse(readFileSync(new URL(file, CORPUS), 'utf8')) as Omit<Session, 'name'>
    return { ...session, name: `corpus/${file}` }
  })
}

/** Returns the path of the file. */
export function saveToCorpus({ name, ...session }: Session, about: string): string {
  const file = `found-${name.replaceAll(/[^\w-]+/g, '-')}.json`
  mkdirSync(CORPUS, { recursive: true })
  writeFileSync(new URL(file, CORPUS), `${JSON.stringify({ about, ...session }, null, 2)}\n`)
  return `test/fuzz/corpus/${file}`
}
