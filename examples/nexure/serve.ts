import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WebSocketServer } from '../../src/facades/nexure.ts'

/**
 * Listens on PORT (default 8080, 0 for a free one) of HOST (default 127.0.0.1) and prints the URL. SIGINT and
 * SIGTERM close every connection with 1001 and let the process end.
 */
export async function serve(server: Server, wss: WebSocketServer): Promise<void> {
  const { HOST = '127.0.0.1', PORT = '8080' } = process.env
  await wss.ready()
  server.listen(Number(PORT), HOST, () => {
    const { port } = server.address() as AddressInfo
    console.log(`listening on http://${HOST}:${port}/`)
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      server.close()
      await wss.shutdown()
      server.closeAllConnections()
    })
  }
}
