import type { VerbServer } from '../../src/facades/verb.ts'

/**
 * Listens on PORT (default 3000, 0 for a free one) of HOST (default 127.0.0.1) and prints the URL. SIGINT and SIGTERM tell
 * every client, wait until all have left or GRACE_MS (default 5000) have passed, and close the rest with 1001.
 */
export async function serve<Data>(app: VerbServer<Data>): Promise<void> {
  const { HOST = '127.0.0.1', PORT = '3000', GRACE_MS = '5000' } = process.env
  app.withOptions({
    handleSignals: true,
    shutdown: {
      graceMs: Number(GRACE_MS),
      notice: () =>
        JSON.stringify({
          type: 'server_shutdown',
          message: 'Server is shutting down',
          timestamp: new Date().toISOString(),
        }),
    },
  })
  const { port } = await app.listen(Number(PORT), HOST)
  console.log(`listening on http://${HOST}:${port}/`)
}
