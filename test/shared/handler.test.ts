import t from 'tap'
import { defineHandler } from '../../src/handler.ts'
import type { RouteParams, Socket, WebSocketServer } from '../../src/index.ts'

/** Only for equal types. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = { [K in keyof T]: T[K] }

/** Compiles only with true. */
function holds<Claim extends true>(claim: Claim): Claim {
  return claim
}

t.test('RT04 parameters are typed from the literal path', async (t) => {
  holds<Equal<Flat<RouteParams<'/chat/:room'>>, { readonly room: string }>>(true)
  holds<
    Equal<Flat<RouteParams<'/games/:gameId/players/:playerId'>>, { readonly gameId: string; readonly playerId: string }>
  >(true)
  holds<Equal<Flat<RouteParams<'/files/:user/*'>>, { readonly user: string; readonly '*': string }>>(true)
  holds<Equal<RouteParams<string>, Record<string, string>>>(true)
  // @ts-expect-error there is no such parameter
  holds<Equal<Flat<RouteParams<'/chat/:room'>>, { readonly rooms: string }>>(true)
  t.ok(true, 'it compiles')
})

/** Never called: the compiler is the test. */
export function typed(server: WebSocketServer<{ name: string }>): void {
  server.route('/rooms/:room', (socket, request) => {
    const room: string = request.params.room
    socket.data.name = room
    // @ts-expect-error there is no such parameter
    request.params.rooms
    // @ts-expect-error data has no such property
    socket.data.nam
  })
  server.route(['/a/:x', '/b/:x'], { open: (_socket, { params }) => params.x.length })
  server.route('/m/:x', { message: (socket, message, isBinary) => socket.send(message, isBinary) })
  const path: string = '/a'
  server.route(path, (_socket, request) => request.params.anything)
}

t.test('defineHandler returns what it is given', async (t) => {
  const handler = { message: () => {} }
  t.equal(defineHandler(handler), handler)
  const open = (): void => {}
  t.equal(defineHandler(open), open)
})

/** Never called: the compiler is the test. */
export function defined(): void {
  defineHandler({
    open: (socket, { params }) => {
      const id: string = socket.id
      const room: string | undefined = params.room
      return [id, room]
    },
    message: (socket, message, isBinary) => {
      const text: string = typeof message === 'string' ? message : message.toString()
      return socket.send(text, isBinary)
    },
  })
  defineHandler<{ name: string }, { room: string }>({
    upgrade: ({ params }) => ({ user: params.room }),
    open(socket, { params }) {
      socket.data.name = params.room
      // @ts-expect-error there is no such parameter
      params.rooms
    },
    message(socket) {
      // @ts-expect-error data has no such property
      socket.data.nam
    },
  })
  defineHandler<{ name: string }, { room: string }>((socket, { params }) => {
    socket.data.name = params.room
    // @ts-expect-error data has no such property
    socket.data.nam
  })
  defineHandler((socket: Socket<{ name: string }>) => {
    socket.data.name = 'ann'
  })
  // @ts-expect-error there is no such event
  defineHandler({ opened: () => {} })
}
