import type { AddressInfo } from 'node:net'

interface App {
  listen(port: number, host: string): Promise<AddressInfo>
  close(): Promise<void>
}

/**
 * Listens on PORT (default 3000, 0 for a free one) of HOST (default 127.0.0.1) and prints the URL. SIGINT and SIGTERM close
 * every connection with 1001 and let the process end.
 */
export async function serve(app: App): Promise<void> {
  const { HOST = '127.0.0.1', PORT = '3000' } = process.env
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
  const { port } = await app.listen(Number(PORT), HOST)
  console.log(`listening on http://${HOST}:${port}/`)
}
