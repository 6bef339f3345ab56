import { closeSync, openSync } from 'node:fs'
import { RoomDirectory } from '../../src/main/room-directory.ts'
import { Connection } from '../../workers/connection.ts'
import type { ConnectionSnapshot } from '../../workers/connection-snapshot.ts'
import { Outbound } from '../../workers/outbound.ts'
import { Rooms } from '../../workers/rooms.ts'
import { SharedMessage } from '../../workers/shared-message.ts'

/** Defects that the soak must find. */
export const MUTANTS = {
  skip: 'one delivery in a hundred is left out',
  twice: 'one delivery in a hundred is made twice',
  swap: 'one delivery in twenty is made after the next one',
  flip: 'one byte of one delivery in a hundred is wrong',
  'wrong-room': 'one publish in fifty goes to another room',
  'forgotten-leave': 'who leaves a room stays in it',
  'forgotten-join': 'one join in ten is forgotten',
  ghost: 'who closes or loses its shard stays in the directory of rooms',
  impatient: 'who is silent for a second is taken for dead',
  'cut-in-move': 'a connection is cut when it arrives at another shard',
  silent: 'who breaks the protocol is cut off without a close frame',
  'needs-descriptor': 'a shard that cannot open a descriptor ends',
} as const
export type Mutant = keyof typeof MUTANTS

/** Of this process: the defect that its environment asks for. */
export const MUTANT = (process.env.SOAK_MUTANT ?? null) as Mutant | null

/** To be called in the shard. */
export function breakShard(mutant: Mutant | null): void {
  if (mutant !== null) SHARD_DEFECTS[mutant]?.()
}

export function breakMain(mutant: Mutant | null): void {
  if (mutant !== 'ghost') return
  RoomDirectory.prototype.removeAll = () => []
}

const every = (count: number): (() => boolean) => {
  let calls = 0
  return () => ++calls % count === 0
}

const SHARD_DEFECTS: Partial<Record<Mutant, () => void>> = {
  skip: () => {
    const { sendShared } = Outbound.prototype
    const isDue = every(100)
    Outbound.prototype.sendShared = function (message) {
      if (!isDue()) sendShared.call(this, message)
    }
  },
  twice: () => {
    const { sendShared } = Outbound.prototype
    const isDue = every(100)
    Outbound.prototype.sendShared = function (message) {
      sendShared.call(this, message)
      if (isDue()) sendShared.call(this, message)
    }
  },
  swap: () => {
    const { sendShared } = Outbound.prototype
    const isDue = every(20)
    const late = new WeakMap<Outbound, SharedMessage>()
    Outbound.prototype.sendShared = function (message) {
      const held = late.get(this)
      late.delete(this)
      if (held === undefined && isDue()) return void late.set(this, message)
      sendShared.call(this, message)
      if (held !== undefined) sendShared.call(this, held)
    }
  },
  flip: () => {
    const { sendShared } = Outbound.prototype
    const isDue = every(100)
    Outbound.prototype.sendShared = function (message) {
      if (!isDue()) return sendShared.call(this, message)
      const frame = Buffer.from(message.frame)
      const last = frame.length - 1
      frame[last] = (frame[last] ?? 0) ^ 1
      sendShared.call(this, new SharedMessage(frame, message.payloadBytes, 0, Number.POSITIVE_INFINITY, null))
    }
  },
  'wrong-room': () => {
    const { publish } = Rooms.prototype
    const isDue = every(50)
    Rooms.prototype.publish = function (rooms, message, excluded) {
      publish.call(this, isDue() ? rooms.map((room) => `${(Number(room) + 1) % 6}`) : rooms, message, excluded)
    }
  },
  'forgotten-leave': () => {
    Rooms.prototype.leave = () => true
  },
  'forgotten-join': () => {
    const { join } = Rooms.prototype
    const isDue = every(10)
    Rooms.prototype.join = function (member, room) {
      if (!isDue()) join.call(this, member, room)
    }
  },
  'cut-in-move': () => {
    const { restore } = Connection.prototype
    const isDue = every(3)
    Connection.prototype.restore = function (snapshot: ConnectionSnapshot) {
      restore.call(this, snapshot)
      if (isDue()) setImmediate(() => this.terminate())
    }
  },
  silent: () => {
    Connection.prototype.refuse = function () {
      this.terminate()
    }
  },
  'needs-descriptor': () => {
    setInterval(() => closeSync(openSync('/dev/null', 'r')), 100).unref()
  },
}
