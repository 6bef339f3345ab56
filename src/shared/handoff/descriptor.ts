import type { Duplex } from 'node:stream'
import type { TransferListItem } from 'node:worker_threads'
import { ShardwsError } from '../errors.ts'
import type { Ticket } from '../ticket.ts'
import { socketOver, surrender, type TcpHandle, wrapTcp } from './handle.ts'
import { type AcceptingEnd, type AcceptPipe, connectIpcPipe, type IpcPipe, type WriteRequest } from './ipc-pipe.ts'
import type { Giver, ReadInto, Taker } from './strategy.ts'

interface DescriptorTicket extends Ticket {
  readonly via: 'descriptor'
  readonly sequence: number
}

/**
 * `SCM_RIGHTS` inside the process: the kernel duplicates the descriptor while it travels over the shard's pipe, so
 * no number ever crosses and each thread closes its own. What is on its way when the shard dies, the kernel closes.
 */
export class DescriptorGiver implements Giver {
  readonly name = 'descriptor'
  readonly #end: AcceptingEnd
  readonly #Request: new () => WriteRequest
  /** Given before the shard's connection was accepted. */
  readonly #early: { readonly sequence: number; readonly handle: TcpHandle }[] = []
  #pipe: IpcPipe | null = null
  #lastSequence = 0
  #closed = false

  private constructor(end: AcceptingEnd, Request: new () => WriteRequest) {
    this.#end = end
    this.#Request = Request
  }

  /** @throws ShardwsError NOT_TRANSFERABLE when this Node cannot pass descriptors. */
  static async create(acceptPipe: AcceptPipe): Promise<{ giver: DescriptorGiver; path: string }> {
    const Request = writeRequestClass()
    if (Request === undefined) throw new ShardwsError('NOT_TRANSFERABLE', 'this Node cannot pass descriptors')
    const end = await acceptPipe((pipe) => giver.#connected(pipe))
    const giver = new DescriptorGiver(end, Request)
    return { giver, path: end.path }
  }

  give(socket: Duplex, post: Post): void {
    if (this.#closed) throw new ShardwsError('NOT_TRANSFERABLE', 'the giver is closed')
    surrender(socket, (handle) => this.pass(handle, post))
  }

  onReturned: Giver['onReturned'] = undefined

  /** Gives a handle that no socket of this thread has. */
  pass(handle: TcpHandle, post: Post): void {
    if (this.#closed) return handle.close()
    const sequence = this.#lastSequence + 1
    const ticket: DescriptorTicket = { via: 'descriptor', sequence }
    post(ticket, [])
    this.#lastSequence = sequence
    if (this.#pipe === null) this.#early.push({ sequence, handle })
    else this.#send(this.#pipe, sequence, handle)
  }

  #read(pipe: IpcPipe, bytes: ArrayBuffer | undefined): void {
    const handle = pipe.pendingHandle
    pipe.pendingHandle = null
    if (bytes === undefined || !handle) return
    if (this.onReturned === undefined) return handle.close()
    this.onReturned(Number(Buffer.from(bytes).toString('latin1')), {
      passTo: (giver, post) => {
        if (giver instanceof DescriptorGiver) giver.pass(handle, post)
        else handle.close()
      },
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#pipe = null
    for (const { handle } of this.#early.splice(0)) handle.close()
    this.#end.close()
  }

  #connected(pipe: IpcPipe | null): void {
    if (pipe === null) return this.close()
    this.#pipe = pipe
    pipe.onread = (bytes) => this.#read(pipe, bytes)
    pipe.readStart()
    for (const { sequence, handle } of this.#early.splice(0)) this.#send(pipe, sequence, handle)
  }

  /**
   * The handle stays open until the write is complete: libuv aborts the process when it comes to send a closed one.
   * A write that fails (the shard is gone) completes too, and closing the handle then ends the connection.
   */
  #send(pipe: IpcPipe, sequence: number, handle: TcpHandle): void {
    const request = new this.#Request()
    request.oncomplete = () => handle.close()
    if (pipe.writeUtf8String(request, `${sequence}\n`, handle) !== 0) handle.close()
  }
}

type Post = (ticket: Ticket, transfer: TransferListItem[]) => void

interface Waiting {
  readonly readInto: ReadInto | null
  readonly adopt: (socket: Duplex | null) => void
}

/** Tickets and descriptors travel on different ways and meet here by their sequence number. */
export class DescriptorTaker implements Taker {
  readonly ready: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  readonly #arrived = new Map<number, TcpHandle>()
  #pipe: IpcPipe | null = null
  #lastArrived = 0
  #closed = false

  constructor(path: string) {
    this.ready = this.#connect(path)
  }

  async #connect(path: string): Promise<void> {
    const pipe = await connectIpcPipe(path)
    if (this.#closed) return pipe.close()
    this.#pipe = pipe
    pipe.onread = (bytes) => this.#read(pipe, bytes)
    pipe.readStart()
  }

  take(ticket: Ticket, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void {
    const { sequence } = ticket as DescriptorTicket
    const handle = this.#arrived.get(sequence)
    this.#arrived.delete(sequence)
    if (handle !== undefined) adopt(wrapTcp(handle, readInto))
    else if (this.#closed || sequence <= this.#lastArrived) adopt(null)
    else this.#waiting.set(sequence, { readInto, adopt })
  }

  /** The pipe carries handles in both directions. */
  giveBack(socket: Duplex, id: number): Promise<void> {
    const pipe = this.#pipe
    const Request = writeRequestClass()
    if (pipe === null || Request === undefined) throw new ShardwsError('NOT_TRANSFERABLE', 'the taker is closed')
    const { promise, resolve } = deferred()
    surrender(socket, (handle) => {
      const request = new Request()
      request.oncomplete = () => {
        handle.close()
        resolve()
      }
      if (pipe.writeUtf8String(request, `${id}\n`, handle) === 0) return
      handle.close()
      resolve()
    })
    return promise
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#pipe?.close()
    for (const handle of this.#arrived.values()) handle.close()
    this.#arrived.clear()
    this.#giveUp(Infinity)
  }

  #read(pipe: IpcPipe, bytes: ArrayBuffer | undefined): void {
    const handle = pipe.pendingHandle
    pipe.pendingHandle = null
    if (bytes === undefined) return this.close()
    if (handle) this.#arrive(Number(Buffer.from(bytes).toString('latin1')), handle)
  }

  #arrive(sequence: number, handle: TcpHandle): void {
    this.#lastArrived = sequence
    const waiting = this.#waiting.get(sequence)
    this.#waiting.delete(sequence)
    // Descriptors arrive in order: a ticket passed over has lost its own.
    this.#giveUp(sequence)
    if (waiting === undefined) this.#arrived.set(sequence, handle)
    else waiting.adopt(wrapTcp(handle, waiting.readInto))
  }

  #giveUp(before: number): void {
    for (const [sequence, { adopt }] of this.#waiting) {
      if (sequence >= before) return
      this.#waiting.delete(sequence)
      adopt(null)
    }
  }
}

/**
 * Node's class for write requests, which it exports nowhere: any `net.Socket` passes one to its handle.
 * Undefined on a Node whose handles make their own.
 */
function writeRequestClass(): (new () => WriteRequest) | undefined {
  let found: (new () => WriteRequest) | undefined
  const writeUtf8String = (request: WriteRequest | null): number => {
    found = request?.constructor as (new () => WriteRequest) | undefined
    return 0
  }
  const socket = socketOver({ writeUtf8String, close: (closed: () => void) => closed() }, { readable: false })
  socket.on('error', () => {})
  socket.write('x')
  socket.destroy()
  return found
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}
