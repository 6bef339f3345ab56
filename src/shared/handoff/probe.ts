import type { Duplex } from 'node:stream'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { StrategyName, Ticket } from '../ticket.ts'
import { DescriptorGiver, DescriptorTaker } from './descriptor.ts'
import { handleClassFor, SOCKET_TYPE, socketOver, type TcpHandle } from './handle.ts'
import { acceptIpcPipe } from './ipc-pipe.ts'
import type { Giver, Taker } from './strategy.ts'
import { TransferGiver, TransferTaker } from './transfer.ts'

/** Longest wait for a descriptor that this thread sends to itself, ms. */
const PROBE_DEADLINE_MS = 1000

const results = new Map<StrategyName, Promise<boolean>>()

/** The best way to hand TCP connections to another thread of this process. Streams of other kinds are relayed. */
export async function bestStrategy(): Promise<StrategyName> {
  if (await supports('transfer')) return 'transfer'
  return (await supports('descriptor')) ? 'descriptor' : 'relay'
}

/** Whether this Node can do it, found out by doing it once in this thread; the answer is kept. */
export function supports(name: StrategyName): Promise<boolean> {
  let result = results.get(name)
  if (result === undefined) {
    result = probe(name).catch(() => false)
    results.set(name, result)
  }
  return result
}

async function probe(name: StrategyName): Promise<boolean> {
  if (name === 'transfer') return arrives(new TransferGiver(), new TransferTaker())
  if (name === 'descriptor') return process.platform !== 'win32' && (await probeDescriptor())
  return true
}

async function probeDescriptor(): Promise<boolean> {
  const { giver, path } = await DescriptorGiver.create(acceptIpcPipe)
  try {
    return await arrives(giver, new DescriptorTaker(path))
  } finally {
    giver.close()
  }
}

/** Gives a socket that has a descriptor but no peer, and is rid of it again in any case. */
async function arrives(giver: Giver, taker: Taker): Promise<boolean> {
  const { port1, port2 } = new MessageChannel()
  const socket = bareSocket()
  try {
    giver.give(socket, (ticket, transfer) => port1.postMessage(ticket, transfer))
    await taker.ready
    const { message } = receiveMessageOnPort(port2) as { message: Ticket }
    return await takeBefore(PROBE_DEADLINE_MS, taker, message)
  } finally {
    socket.destroy()
    taker.close()
    giver.close()
    port1.close()
  }
}

function bareSocket(): Duplex {
  const Tcp = handleClassFor<TcpHandle>({ host: '127.0.0.1', port: 1 })
  if (Tcp === undefined) throw new Error('no TCP handles on this platform')
  const handle = new Tcp(SOCKET_TYPE)
  // Binding is what makes the descriptor; nothing listens.
  handle.bind('127.0.0.1', 0)
  return socketOver(handle, { readable: false })
}

function takeBefore(deadlineMs: number, taker: Taker, ticket: Ticket): Promise<boolean> {
  return new Promise((resolve) => {
    const deadline = setTimeout(resolve, deadlineMs, false)
    taker.take(ticket, { buffer: Buffer.alloc(1), onRead() {} }, (socket) => {
      clearTimeout(deadline)
      // It has no peer to read from.
      socket?.on('error', () => {})
      socket?.destroy()
      resolve(socket !== null)
    })
  })
}
