import t from 'tap'
import type { RouteParams, WebSocketServer } from '../../src/index.ts'

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
