import type { AppConnection, WSRequest } from '../../src/facades/nextrush.ts'
import { userOf, userOfHeader } from './tokens.ts'

/**
 * Finds out who has connected, by `?token=` or `Authorization: Bearer`, into `req.user`. False: nobody we know; the socket
 * was told so and is closed. What need not tell the client why is better done in `verifyClient`, before the connection.
 */
export async function authenticateWebSocket(req: WSRequest<unknown>, socket: AppConnection): Promise<boolean> {
  const { token } = req.query
  const { authorization } = req.headers
  if (token === undefined && authorization === undefined) return refuse(socket, 'Authentication required')
  const user = await (token === undefined ? userOfHeader(authorization) : userOf(token))
  if (user === null) return refuse(socket, 'Invalid token')
  req.user = user
  return true
}

function refuse(socket: AppConnection, message: string): false {
  socket.send(JSON.stringify({ type: 'error', message }))
  socket.close(1008, message)
  return false
}
