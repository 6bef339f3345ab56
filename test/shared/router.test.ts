import t from 'tap'
import { Router } from '../../src/shared/router.ts'

/** A router whose handlers are known by their path. */
function routing(...paths: readonly string[]): (path: string) => readonly [string, Record<string, string>] | null {
  const names = new Map<object, string>()
  const router = new Router()
  for (const path of paths) {
    const handler = { open: () => path }
    names.set(handler, path)
    router.add(path, handler)
  }
  return (path) => {
    const match = router.find(path)
    return match === null ? null : [names.get(match.handler) ?? '', { ...match.params }]
  }
}

t.test('RT02 a path is compared exactly', async (t) => {
  const find = routing('/chat', '/café', '/')
  t.same(find('/chat'), ['/chat', {}])
  t.same(find('/'), ['/', {}])
  t.same(find('/caf%C3%A9'), ['/café', {}], 'a client sends it encoded')
  for (const other of ['/Chat', '/chat/', '/chat/x', '/cha', '/chats', '//chat', '/chat%2F']) t.equal(find(other), null)
})

t.test('RT03 a parameter is one segment, decoded, never empty', async (t) => {
  const find = routing('/rooms/:roomId')
  t.same(find('/rooms/7'), ['/rooms/:roomId', { roomId: '7' }])
  t.same(find('/rooms/a%2Fb%20%E2%82%AC%3F'), ['/rooms/:roomId', { roomId: 'a/b €?' }])
  t.same(find('/rooms/__proto__'), ['/rooms/:roomId', { roomId: '__proto__' }])
  t.same(find(`/rooms/${'x'.repeat(4000)}`)?.[1], { roomId: 'x'.repeat(4000) }, 'as long as maxUrlLength allows')
  for (const other of ['/rooms', '/rooms/', '/rooms/7/8', '/rooms/%zz', '/rooms/%C3']) t.equal(find(other), null)
})

t.test('RT04 several parameters', async (t) => {
  const find = routing('/games/:gameId/players/:playerId')
  t.same(find('/games/1/players/2'), ['/games/:gameId/players/:playerId', { gameId: '1', playerId: '2' }])
  t.equal(find('/games//players/2'), null)
  t.equal(find('/games/1/players/'), null)
})

t.test('RT03 nothing but the parameters is in them', async (t) => {
  const router = new Router()
  router.add(['/a/:b', '/c'], () => {})
  for (const path of ['/a/b', '/c']) t.notOk('constructor' in (router.find(path)?.params ?? Object.prototype))
})

t.test('RT06 a wildcard takes whatever follows', async (t) => {
  const find = routing('/api/ws/*', '/rooms/*')
  t.same(find('/api/ws/chat'), ['/api/ws/*', { '*': 'chat' }])
  t.same(find('/rooms/game1'), ['/rooms/*', { '*': 'game1' }])
  t.same(find('/rooms/a/b%2Fc/d'), ['/rooms/*', { '*': 'a/b/c/d' }])
  t.equal(find('/rooms'), null)
  t.equal(find('/room/x'), null)
  const mixed = routing('/teams/:team/*')
  t.same(mixed('/teams/red/x/y'), ['/teams/:team/*', { team: 'red', '*': 'x/y' }])
})

t.test('RT01 the catch-all', async (t) => {
  for (const all of ['*', '/*']) {
    const find = routing(all)
    for (const path of ['/', '/x', '/x/y']) t.equal(find(path)?.[0], all)
  }
})

/** Every order of the items. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, index) => orders(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))
}

t.test('RT06 text before a parameter before a wildcard, whatever was added first', async (t) => {
  const paths = ['/chat/lobby', '/chat/:room', '/chat/*', '/:any/lobby/x', '/*']
  const expected = {
    '/chat/lobby': '/chat/lobby',
    '/chat/lobby2': '/chat/:room',
    '/chat/lob': '/chat/:room',
    '/chat/lobby/x': '/chat/*',
    '/chat/a/b': '/chat/*',
    '/mail/lobby/x': '/:any/lobby/x',
    '/mail/lobby': '/*',
    '/': '/*',
  }
  for (const order of orders(paths)) {
    const find = routing(...order)
    for (const [path, route] of Object.entries(expected)) {
      if (find(path)?.[0] !== route) t.fail(`${path} went to ${find(path)?.[0]} with ${order.join(' ')}`)
    }
  }
})

t.test('RT07 several paths of one handler', async (t) => {
  const router = new Router()
  const handler = { message: () => {} }
  router.add(['/ws', '/chat', '/notifications/:user'], handler)
  for (const path of ['/ws', '/chat', '/notifications/7']) t.equal(router.find(path)?.handler, handler)
})

t.test('RT08 a path is like another whatever its parameters are called', async (t) => {
  const router = new Router()
  router.add('/game/:gameId', () => {})
  const error = { code: 'ARGUMENT_INVALID', message: /^path: there is a route like '.*' already$/ }
  t.throws(() => router.add('/game/:id', () => {}), error)
  t.throws(() => router.add('/game/:gameId', () => {}), error)
  router.add('/game/*', () => {})
  t.throws(() => router.add('/game/*', () => {}), error)
  router.add('*', () => {})
  t.throws(() => router.add('/*', () => {}), error)
  t.throws(() => router.assertNew(['/new', '/game/:id']), error)
})

t.test('RT08 of several paths all are added or none', async (t) => {
  const router = new Router()
  router.add('/taken', () => {})
  const error = { code: 'ARGUMENT_INVALID', message: /already$/ }
  for (const paths of [
    ['/new', '/taken'],
    ['/:one', '/:other'],
  ])
    t.throws(() => router.add(paths, () => {}), error)
  t.same([router.find('/new'), router.routes.length], [null, 1])
})

t.test('RT02 what is no path and what is no handler', async (t) => {
  const router = new Router()
  const bad: unknown[] = [
    '',
    'chat',
    '/a*',
    '/*/a',
    '/:',
    '/:1',
    '/a:b',
    '/:a-:b',
    '/:a?',
    '/:a(\\d+)',
    '/a?b',
    '/a#b',
    '/%20',
  ]
  for (const path of [...bad, '/:a/:a', 7, null, undefined, [], ['/ok', '']]) {
    t.throws(
      () => router.add(path as string, () => {}),
      { code: 'ARGUMENT_INVALID', message: /^path must / },
      `${path}`,
    )
  }
  for (const handler of [undefined, null, 'f', {}, { opn() {} }, { open: 1 }, { open() {}, close: null }]) {
    t.throws(() => router.add('/ok', handler as () => void), { code: 'ARGUMENT_INVALID', message: /^handler must / })
  }
  t.ok(router.isEmpty, 'nothing was added by halves')
})
