import { defineHandler } from '../../../src/handler.ts'
import { answerTo } from '../../json-app.ts'

/** Reads a JSON request and answers it. */
export default defineHandler({
  message: (socket, message) => socket.send(answerTo(String(message))),
})
