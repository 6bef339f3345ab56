import { poison } from '../poison.ts'
import type { App } from '../row-server.ts'

poison()

/** What a caller without types may pass where text, bytes or a code belong. All bytes are 0. */
const ODD: Readonly<Record<string, () => unknown>> = {
  ...Object.fromEntries([0, 1, 5, 1000, 70_000, 2 ** 31, -1, 1.5, Number.NaN].map((n) => [`the number ${n}`, () => n])),
  'a bigint': () => 100n,
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  'an array': () => [0, 0, 0],
  'an object with a length': () => ({ length: 5000 }),
  'a String object': () => Object('text'),
  'an ArrayBuffer': () => new ArrayBuffer(5000),
  'a SharedArrayBuffer': () => new SharedArrayBuffer(5000),
  'a DataView': () => new DataView(new ArrayBuffer(5000)),
  'a short DataView': () => new DataView(new ArrayBuffer(50)),
  'a Uint16Array': () => new Uint16Array(5000),
  'a short Uint16Array': () => new Uint16Array(50),
  'a Float64Array': () => new Float64Array(2000),
  'a BigInt64Array': () => new BigInt64Array(10),
  'an Int8Array': () => new Int8Array(100),
  'a long Uint8Array': () => new Uint8Array(20_000),
  'a Uint8Array over shared memory': () => new Uint8Array(new SharedArrayBuffer(100)),
  'a detached Uint8Array': () => detached(new Uint8Array(5000)),
  'a detached DataView': () => detached(new DataView(new ArrayBuffer(5000))),
  'a detached Buffer': () => detached(Buffer.from(new ArrayBuffer(100))),
}

/** A view whose memory has been moved away. */
function detached<View extends ArrayBufferView>(view: View): View {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
  return view
}

function oddOf(name: string | null): never {
  return ODD[name ?? '']?.() as never
}

export const app: App = {
  shard: 'poisoned-shard',
  options: {
    /** `/refuse?body=…`, `/refuse?header=…` and `/refuse?status=…` with the name of an odd value. */
    verifyClient: ({ url = '' }) => {
      const { pathname, searchParams: query } = new URL(url, 'http://localhost')
      if (pathname !== '/refuse') return true
      const [body, header, status] = ['body', 'header', 'status'].map((name) => query.get(name) ?? null)
      return {
        accept: false,
        ...(body !== null && { body: oddOf(body ?? null) }),
        ...(header !== null && { headers: { 'X-Odd': oddOf(header ?? null) } }),
        ...(status !== null && { status: oddOf(status ?? null) }),
      }
    },
    /** The subprotocol `odd-3` is answered with the third odd value. */
    handleProtocols: ([offered = '']) => oddOf(Object.keys(ODD)[Number(offered.slice(4))] ?? null),
  },
  start(server) {
    server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
    const messages: Readonly<Record<string, (id: string, odd: never) => unknown>> = {
      'server.send': (id, odd) => server.send(id, odd),
      'server.send as text': (id, odd) => server.send(id, odd, false),
      'peer.send': (id, odd) => server.getConnection(id)?.send(odd),
      'peer.send as text': (id, odd) => server.getConnection(id)?.send(odd, false),
      'server.broadcast': (_id, odd) => server.broadcast(odd),
      'peer.ping': (id, odd) => server.getConnection(id)?.ping(odd),
      'peer.pong': (id, odd) => server.getConnection(id)?.pong(odd),
    }
    const ends: typeof messages = {
      'server.close code': (id, odd) => server.close(id, odd),
      'server.close reason': (id, odd) => server.close(id, 1000, odd),
      'peer.close code': (id, odd) => server.getConnection(id)?.close(odd),
      'peer.close reason': (id, odd) => server.getConnection(id)?.close(1000, odd),
    }
    return {
      names: () => ({ odd: Object.keys(ODD), messages: Object.keys(messages), ends: Object.keys(ends) }),
      /** Between two messages to another connection, which leave in the same batch. Returns what it threw. */
      call(entry: string, odd: string, id: string, other: string): string | null {
        server.send(other, 'the secret of another')
        try {
          const call = messages[entry] ?? ends[entry]
          call?.(id, oddOf(odd))
          return null
        } catch (error) {
          return (error as { code?: string }).code ?? String(error)
        } finally {
          server.send(other, 'another secret of another')
        }
      },
      /** An odd value in the place of the options, and of the id. Returns whether the first was sent. */
      misplaced(odd: string, id: string): boolean {
        try {
          server.send(oddOf(odd), 'to nobody')
        } catch {
          // As good as false.
        }
        try {
          return server.send(id, 'misplaced', oddOf(odd))
        } catch {
          return false
        }
      },
      say: (id: string, text: string) => server.send(id, text) && server.broadcast(text),
    }
  },
}
