import type { Handler } from '../src/shared/handler.ts'

const chat: Handler = {
  // A path is a room.
  open: (socket) => socket.join(socket.path.slice(0, 255)),
  message: (socket, message) => socket.publish([...socket.rooms], message, { except: socket }),
}

/** `shardws serve chat`: everybody on the same path gets what the others send. */
export default chat
