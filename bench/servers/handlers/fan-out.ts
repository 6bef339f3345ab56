import { defineHandler } from '../../../src/handler.ts'

/** Sends every message to everybody. */
export default defineHandler({
  message: (socket, message, isBinary) => socket.server.broadcast(message, isBinary),
})
