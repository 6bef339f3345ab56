import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Sampler, Viewer } from './sampler.ts'

/** Then the page asks again, and so does the server whether it still may. */
const LONGEST_MS = 300_000
/** How soon a page asks again. */
const RETRY_MS = 1000

/** Server-sent events to one page, until it is gone, has looked for five minutes or there is nothing to see. */
export function stream(request: IncomingMessage, response: ServerResponse, sampler: Sampler): void {
  response.write(`retry: ${RETRY_MS}\n\n`)
  const viewer: Viewer = {
    show(event, value) {
      // A page that does not keep up misses samples, so that nothing piles up for it.
      if (!response.writableNeedDrain) response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`)
    },
    end: () => response.end(),
  }
  // It has left while it was asked who it is: nothing would tell of that again.
  if (request.socket.destroyed) return
  const deadline = setTimeout(() => sampler.remove(viewer), LONGEST_MS).unref()
  response.on('close', () => {
    clearTimeout(deadline)
    sampler.remove(viewer)
  })
  response.on('error', () => {})
  sampler.add(viewer)
}
