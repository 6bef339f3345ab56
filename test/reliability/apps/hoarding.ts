import { moduleOf } from '../../fixtures/handlers/ways.ts'
import { Hoard } from '../../fixtures/hoard.ts'
import { eventually } from '../../fixtures/journal.ts'
import { openDescriptors } from '../../fixtures/process-resources.ts'
import type { App } from '../row-server.ts'

const sockets = (): number => openDescriptors().filter((target) => target.startsWith('socket:')).length

/** Echoes in the shards, and takes the process's descriptors away. */
export const app: App = {
  options: { handler: moduleOf('hoarding') },
  start(server) {
    const hoard = new Hoard()
    return {
      sockets,
      haveSockets: (count: number) => eventually(`${count} sockets`, () => sockets() === count),
      /** Leaves so many. */
      takeAll: (spare: number) => hoard.takeAllForGood(spare),
      release: () => hoard.release(),
      /** In the shards, while connections leave. */
      hoardInMoves: (isOn: boolean) => server.state.set('hoard', isOn),
      rebalance: () => server.rebalance(),
    }
  },
}
