import type { MessagePort, TransferListItem } from 'node:worker_threads'
import { commands } from '../shared/commands.ts'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { dispatchEvents, type EventHandler } from '../shared/events.ts'
import { type CreditAccount, Link } from '../shared/link.ts'
import type {
  Adopt,
  ComputeAnswer,
  Connect,
  FanOut,
  Forward,
  Moving,
  OpenGate,
  Rule,
  Secure,
} from '../shared/messages.ts'

/** Main's end of its link to one shard: commands out, events in. Mirror of `workers/main-link.ts`. */
export class ShardLink {
  readonly #link: Link

  constructor(port: MessagePort, credit: CreditAccount, handler: EventHandler) {
    this.#link = new Link(port, credit, {
      onBatch: (batch) => dispatchEvents(batch, handler),
      onParcel: () => {},
      // The thread's own end says more than the port's.
      onClose: () => {},
      writeCredit: commands.credit,
    })
  }

  /** Whether messages that may be refused should be posted at all. */
  hasCredit(): boolean {
    return this.#link.hasCredit()
  }

  reserve(key: ConnectionKey, module: number): void {
    commands.reserve(this.#link.out, key, module)
    this.#link.posted()
  }

  adopt(adopt: Adopt, transfer: readonly TransferListItem[]): void {
    this.#link.postParcel(adopt, transfer)
  }

  forward(forward: Forward, transfer: readonly TransferListItem[]): void {
    this.#link.postParcel(forward, transfer)
  }

  /** Behind everything that was sent before: what that says of this index is of a former shard. */
  connect(connect: Connect): void {
    this.#link.postParcelInOrder(connect, [connect.port])
  }

  /** Behind everything that was sent before. */
  disconnect(sibling: number): void {
    this.#link.postParcelInOrder({ kind: 'disconnect', sibling }, [])
  }

  openGate(gate: OpenGate): void {
    this.#link.postParcel(gate, [gate.port])
  }

  secure(secure: Secure): void {
    this.#link.postParcel(secure, [])
  }

  rule(rule: Rule): void {
    this.#link.postParcel(rule, [])
  }

  lend(keys: readonly ConnectionKey[]): void {
    commands.lend(this.#link.out, keys)
    this.#link.posted()
  }

  answer(visit: number, answer: Uint8Array): void {
    commands.answer(this.#link.out, visit, answer)
    this.#link.posted()
  }

  dismiss(visit: number): void {
    commands.dismiss(this.#link.out, visit)
    this.#link.posted()
  }

  /** Returns the payload bytes. */
  send(key: ConnectionKey, payload: Uint8Array | string, flags: number): number {
    const bytes = commands.send(this.#link.out, key, payload, flags)
    this.#link.posted()
    return bytes
  }

  broadcast(fanOut: FanOut): void {
    commands.broadcast(this.#link.out, fanOut)
    this.#link.posted()
  }

  join(key: ConnectionKey, room: string): void {
    commands.join(this.#link.out, key, room)
    this.#link.posted()
  }

  leave(key: ConnectionKey, room: string): void {
    commands.leave(this.#link.out, key, room)
    this.#link.posted()
  }

  publish(rooms: readonly string[], fanOut: FanOut): void {
    commands.publish(this.#link.out, rooms, fanOut)
    this.#link.posted()
  }

  setState(key: string, value: Uint8Array): void {
    commands.setState(this.#link.out, key, value)
    this.#link.posted()
  }

  deleteState(key: string): void {
    commands.deleteState(this.#link.out, key)
    this.#link.posted()
  }

  admit(key: ConnectionKey, user: Uint8Array): void {
    commands.admit(this.#link.out, key, user)
    this.#link.posted()
  }

  load(module: number, url: string): void {
    commands.load(this.#link.out, module, url)
    this.#link.posted()
  }

  prepare(move: number, to: number, isPatient: boolean, keys: readonly ConnectionKey[]): void {
    commands.prepare(this.#link.out, move, to, isPatient, keys)
    this.#link.posted()
  }

  moving(moving: Moving): void {
    commands.moving(this.#link.out, moving)
    this.#link.posted()
  }

  start(move: number): void {
    commands.start(this.#link.out, move)
    this.#link.posted()
  }

  moved(move: number): void {
    commands.moved(this.#link.out, move)
    this.#link.posted()
  }

  computed(request: number, answer: ComputeAnswer): void {
    commands.computed(this.#link.out, request, answer)
    this.#link.posted()
  }

  cancel(move: number): void {
    commands.cancel(this.#link.out, move)
    this.#link.posted()
  }

  judge(key: ConnectionKey, module: number, request: Uint8Array): void {
    commands.judge(this.#link.out, key, module, request)
    this.#link.posted()
  }

  restore(key: ConnectionKey, state: Uint8Array): void {
    commands.restore(this.#link.out, key, state)
    this.#link.posted()
  }

  watch(key: ConnectionKey): void {
    commands.watch(this.#link.out, key)
    this.#link.posted()
  }

  close(key: ConnectionKey, code: number, reason: string): void {
    commands.close(this.#link.out, key, code, reason)
    this.#link.posted()
  }

  terminate(key: ConnectionKey): void {
    commands.terminate(this.#link.out, key)
    this.#link.posted()
  }

  ping(key: ConnectionKey, payload: Uint8Array): void {
    commands.ping(this.#link.out, key, payload)
    this.#link.posted()
  }

  pong(key: ConnectionKey, payload: Uint8Array): void {
    commands.pong(this.#link.out, key, payload)
    this.#link.posted()
  }

  markAlive(key: ConnectionKey): void {
    commands.markAlive(this.#link.out, key)
    this.#link.posted()
  }

  conclude(key: ConnectionKey): void {
    commands.conclude(this.#link.out, key)
    this.#link.posted()
  }

  pause(key: ConnectionKey): void {
    commands.pause(this.#link.out, key)
    this.#link.posted()
  }

  resume(key: ConnectionKey): void {
    commands.resume(this.#link.out, key)
    this.#link.posted()
  }

  notifyDrain(key: ConnectionKey): void {
    commands.notifyDrain(this.#link.out, key)
    this.#link.posted()
  }

  allowContexts(isAllowed: boolean): void {
    commands.allowContexts(this.#link.out, isAllowed)
    this.#link.posted()
  }

  discard(bytes: number): void {
    commands.discard(this.#link.out, bytes)
    this.#link.posted()
  }

  stop(): void {
    commands.stop(this.#link.out)
    this.#link.posted()
    this.#link.flush()
  }

  /** What is not posted yet is lost with the shard. */
  cut(): void {
    this.#link.close()
  }
}
