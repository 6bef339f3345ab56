import { PassThrough } from 'node:stream'
import t from 'tap'
import { RelaySocket } from '../../src/shared/handoff/relay-socket.ts'
import { WriteProgress } from '../../workers/write-progress.ts'

/** A relayed connection of which main has accepted so many bytes for each call of `take`. */
function relayed() {
  let receive: (message: number) => void = () => {}
  const port = {
    on: (_: string, listener: (message: number) => void) => {
      receive = listener
    },
    once: () => {},
    postMessage: () => {},
    close: () => {},
  }
  const socket = new RelaySocket(port as never, {
    credit: 10,
    uncredited: 0,
    unread: new Uint8Array(0),
    hasEnded: false,
  })
  return { socket, take: (bytes: number) => receive(bytes) }
}

t.test('a part of a write that was refused and is taken is progress, once', async (t) => {
  const { socket, take } = relayed()
  socket.write(Buffer.alloc(100))
  socket.write(Buffer.alloc(50))
  t.equal(socket.untakenBytes, 140)
  const progress = new WriteProgress()
  progress.blocked(socket)
  t.notOk(progress.look(socket))
  take(1)
  t.equal(socket.untakenBytes, 139)
  t.ok(progress.look(socket))
  t.notOk(progress.look(socket))
  take(100)
  t.equal(socket.untakenBytes, 39, 'the second write has begun')
  t.ok(progress.look(socket))
  take(39)
  t.equal(socket.untakenBytes, 0)
  progress.unblocked()
  t.ok(progress.look(null))
  t.notOk(progress.look(null))
})

t.test('a new write that is longer hides nothing', async (t) => {
  const { socket, take } = relayed()
  socket.write(Buffer.alloc(20))
  const progress = new WriteProgress()
  progress.blocked(socket)
  take(10)
  progress.unblocked()
  socket.write(Buffer.alloc(1000))
  progress.blocked(socket)
  t.ok(progress.look(socket))
  t.notOk(progress.look(socket))
})

t.test('where only whole writes can be told, one counts that was blocked for two looks, and no other', async (t) => {
  for (const [looks, counts] of [
    [0, false],
    [1, false],
    [2, true],
  ] as const) {
    const socket = new PassThrough()
    const progress = new WriteProgress()
    progress.blocked(socket)
    for (let look = 0; look < looks; look++) t.notOk(progress.look(socket))
    progress.unblocked()
    t.equal(progress.look(null), counts, `${looks} looks`)
  }
})
