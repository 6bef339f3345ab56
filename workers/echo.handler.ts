import type { Handler } from '../src/shared/handler.ts'

const echo: Handler = {
  message: (socket, message) => socket.send(message),
}

/** What `shardws serve` serves unless told otherwise: everybody gets back what they send. */
export default echo
