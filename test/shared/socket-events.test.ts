import t from 'tap'
import { Gate } from '../../src/shared/gate.ts'
import { SocketEvents } from '../../src/shared/socket-events.ts'

class Socket extends SocketEvents {
  raise(event: 'message' | 'close' | 'drain', ...args: unknown[]): void {
    for (const listener of this.takeListeners(event)) Reflect.apply(listener, this, args)
  }
}

t.test('CO11 listeners hear their event, in the order in which they were added', async (t) => {
  const socket = new Socket()
  const heard: string[] = []
  socket.on('message', (text) => heard.push(`1 ${text}`)).onMessage((text) => heard.push(`2 ${text}`))
  socket.once('message', (text) => heard.push(`once ${text}`))
  socket.on('close', (code) => heard.push(`close ${code}`))
  socket.raise('message', 'a')
  socket.raise('message', 'b')
  socket.raise('close', 1000)
  t.same(heard, ['1 a', '2 a', 'once a', '1 b', '2 b', 'close 1000'])
})

t.test('CO11 off takes the latest addition away', async (t) => {
  const socket = new Socket()
  const heard: string[] = []
  const first = () => heard.push('first')
  const second = () => heard.push('second')
  socket.on('drain', first).on('drain', second).on('drain', first)
  socket.off('drain', first).off('drain', () => {})
  socket.off('close', first)
  socket.raise('drain')
  t.same(heard, ['first', 'second'])
})

t.test('CO11 a listener that changes the listeners changes the next event', async (t) => {
  const socket = new Socket()
  const heard: string[] = []
  const other = () => heard.push('other')
  const own = () => {
    heard.push('own')
    socket
      .off('drain', own)
      .off('drain', other)
      .on('drain', () => heard.push('new'))
  }
  socket.on('drain', own).on('drain', other)
  socket.raise('drain')
  socket.raise('drain')
  t.same(heard, ['own', 'other', 'new'])
})

t.test('CO11 what is no event and what is no listener', async (t) => {
  const socket = new Socket()
  for (const event of ['mesage', 'toString', '__proto__', undefined, 7]) {
    t.throws(() => socket.on(event as 'message', () => {}), {
      code: 'ARGUMENT_INVALID',
      message: /^event must be one of /,
    })
  }
  t.throws(() => socket.onClose(null as never), { code: 'ARGUMENT_INVALID', message: 'listener must be a function' })
})

t.test('CO13 metadata is an object until it is set', async (t) => {
  const socket = new Socket()
  socket.metadata.userAgent = 'x'
  t.same(socket.metadata, { userAgent: 'x' })
  const own = { messageCount: 0 }
  socket.metadata = own
  t.equal(socket.metadata, own)
})

t.test('a gate that is gone leaves what else there is', async (t) => {
  const socket = new Socket()
  t.equal(socket.gate, null)
  socket.gate = new Gate(() => undefined)
  socket.metadata.kept = true
  socket.gate = null
  t.equal(socket.gate, null)
  t.same(socket.metadata, { kept: true })
})
