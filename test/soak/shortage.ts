import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { promisify } from 'node:util'
import { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import type { Violations } from './check.ts'

/** From one newcomer to the next. */
const KNOCK_EVERY_MS = 100
/** An answer that comes later is none: who waits in the kernel's queue is not let in. */
const ANSWER_MS = 500
/** For the first newcomer afterwards, whatever the scenario's limit. */
const GIVE_UP_MS = 30_000

/** A time in which the server's process could open no descriptor. */
export interface Shortage {
  readonly newcomers: number
  /** Of these, who got one of the last descriptors. */
  readonly letIn: number
  /** That the controls got meanwhile. */
  readonly echoes: number
  readonly controls: number
  /** From its end to the first newcomer that was let in. */
  readonly recoveryMs: number
}

export interface Shortfall {
  readonly pid: number
  readonly port: number
  readonly ms: number
  /** How many descriptors it may still open. */
  readonly spare: number
  readonly controls: { readonly count: number; readonly echoes: number }
}

/** Whether the limits of another process can be changed here. */
export async function hasPrlimit(): Promise<boolean> {
  return softLimit(process.pid).then(
    () => true,
    () => false,
  )
}

/** Takes from another process the right to open descriptors, for so long. Newcomers knock, and stay when they are let in. */
export async function runShort({ pid, port, ms, spare, controls }: Shortfall): Promise<Shortage> {
  const former = await softLimit(pid)
  const { count, echoes: before } = controls
  const guests: RawClient[] = []
  let newcomers = 0
  await setSoftLimit(pid, lowestLimit(pid, spare))
  try {
    for (const end = performance.now() + ms; performance.now() < end; newcomers++) {
      const guest = await knock(port)
      if (guest !== null) guests.push(guest)
      await after(KNOCK_EVERY_MS)
    }
  } finally {
    await setSoftLimit(pid, former)
  }
  const echoes = controls.echoes - before
  const startMs = performance.now()
  let first: RawClient | null = null
  while (first === null && performance.now() - startMs < GIVE_UP_MS) first = await knock(port)
  const recoveryMs = Math.round(performance.now() - startMs)
  first?.destroy()
  for (const guest of guests) guest.destroy()
  return { newcomers, letIn: guests.length, echoes, controls: count, recoveryMs }
}

export function judgeShortage({ newcomers, letIn, echoes, controls }: Shortage, violations: Violations): void {
  if (letIn >= newcomers) violations.add('shortage', `there was none: ${letIn} of ${newcomers} newcomers were let in`)
  if (echoes < controls) violations.add('shortage', `${controls} controls got ${echoes} echoes without descriptors`)
}

/** Null: not let in, or cut off behind the 101, for want of a descriptor on the way to its shard. */
async function knock(port: number): Promise<RawClient | null> {
  const client = await RawClient.open({ port, path: '/newcomer', deadlineMs: ANSWER_MS }).catch(() => null)
  if (client === null) return null
  if (client.response.status === 101 && (await answers(client))) return client
  client.destroy()
  return null
}

function answers(client: RawClient): Promise<boolean> {
  client.sendFrame({ opcode: RawOpcode.Ping })
  return client.nextControl().then(
    () => true,
    () => false,
  )
}

/** The limit is on the number of a descriptor, and a new one gets the lowest that is free. */
function lowestLimit(pid: number, spare: number): number {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let limit = 0
  for (let free = -1; ; limit++) {
    if (!open.has(limit)) free++
    if (free === spare) return limit
  }
}

async function softLimit(pid: number): Promise<string> {
  const { stdout } = await prlimit(pid, '--nofile', '--raw', '--noheadings', '--output=SOFT')
  return stdout.trim()
}

async function setSoftLimit(pid: number, limit: string | number): Promise<void> {
  await prlimit(pid, `--nofile=${limit}:`)
}

function prlimit(pid: number, ...args: readonly string[]): Promise<{ stdout: string }> {
  return promisify(execFile)('prlimit', ['--pid', `${pid}`, ...args])
}
