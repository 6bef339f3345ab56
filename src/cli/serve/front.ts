import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { WebSocketServer } from '../../facades/websocket-server.ts'
import type { TlsFiles } from './tls-files.ts'

/** Where connections come in. */
export interface Front {
  readonly port: number
  /** Certificates for the connections to come. */
  renew(tls: TlsFiles): void
  /** To be called when the WebSocket server is shut down. */
  close(): void
  /** To be called when that is done. */
  remove(): void
}

export interface Place {
  readonly port: number
  readonly host: string
}

/** Of a request's head; past it Node answers with 431. */
const MAX_HEADER_BYTES = 16 * 1024

/** An HTTP server on main, which has other requests answered too. Rejects with the error of `listen`. */
export async function openHttpFront(
  webSocket: WebSocketServer,
  { port, host }: Place,
  tls: TlsFiles | null,
  listener: RequestListener,
): Promise<Front> {
  const limits = { maxHeaderSize: MAX_HEADER_BYTES }
  const secure = tls === null ? null : createHttpsServer({ ...tls, ...limits })
  const http = secure ?? createHttpServer(limits)
  http.on('request', listener)
  webSocket.attach(http)
  await webSocket.ready()
  await once(http.listen(port, host), 'listening')
  return {
    port: (http.address() as AddressInfo).port,
    renew: (files) => secure?.setSecureContext(files),
    close: () => {
      http.close()
      http.closeIdleConnections()
    },
    remove: () => http.closeAllConnections(),
  }
}

/** The shards, which read requests themselves. Rejects with the error of `listen`. */
export async function openRawFront(webSocket: WebSocketServer, { port, host }: Place): Promise<Front> {
  const address = await webSocket.listen(port, host)
  // The WebSocket server closes what is its own.
  const nothing = (): void => {}
  return {
    port: address.port,
    renew: (files) => webSocket.setSecureContext(files),
    close: nothing,
    remove: nothing,
  }
}
