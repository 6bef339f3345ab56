import { defineHandler } from '../../../src/handler.ts'

/** Answers every message with itself. */
export default defineHandler({
  message: (socket, message, isBinary) => socket.send(message, isBinary),
})
