import type { App } from '../row-server.ts'

export interface Progress {
  readonly received: number
  readonly underWay: number
  /** Of `underWay`, ever. */
  readonly most: number
  readonly isOrdered: boolean
}

/** Echoes text at once; works on every numbered binary message until it is released, and from then on for a turn. */
export const app: App = {
  start(server) {
    const progress = { received: 0, underWay: 0, most: 0, isOrdered: true }
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const work = async (number: number): Promise<void> => {
      if (number !== progress.received) progress.isOrdered = false
      progress.received++
      progress.underWay++
      progress.most = Math.max(progress.most, progress.underWay)
      await released
      await new Promise((resolve) => setImmediate(resolve))
      progress.underWay--
    }
    server.on('message', (id, message, isBinary) => {
      if (isBinary) return work(message.readUInt32BE())
      server.send(id, message, isBinary)
    })
    return { progress: (): Progress => progress, release: () => release() }
  },
}
