import { defineHandler } from '../src/handler.ts'

/** Echoes. Who asks for it causes an error that nobody catches. */
export default defineHandler({
  open(socket) {
    socket.join('all')
  },
  message(socket, message) {
    if (message !== 'throw') return void socket.send(message)
    setImmediate(() => {
      throw new Error('nobody catches this')
    })
  },
})
