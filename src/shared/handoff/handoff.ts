import type { Duplex } from 'node:stream'
import type { StrategyName, TakerSetup, Ticket } from '../ticket.ts'
import { DescriptorGiver, DescriptorTaker } from './descriptor.ts'
import { tcpHandleOf } from './handle.ts'
import { type AcceptPipe, acceptIpcPipe } from './ipc-pipe.ts'
import { LocalGiver, LocalTaker } from './local.ts'
import { RelayGiver, RelayTaker } from './relay.ts'
import type { Giver, ReadInto, Taker } from './strategy.ts'
import { TransferGiver, TransferTaker } from './transfer.ts'

/**
 * Main's end of `strategy` for one life of one shard, and what that shard needs for its own end. TCP sockets go by
 * `strategy`, others by relay. Rejects where the strategy is impossible (`supports` tells); sockets may be given
 * at once, before the shard has its taker. A thread that may end before the process does needs an `acceptPipe` that
 * accepts elsewhere.
 */
export async function createGiver(
  strategy: StrategyName,
  acceptPipe: AcceptPipe = acceptIpcPipe,
): Promise<{ giver: Giver; setup: TakerSetup }> {
  if (strategy === 'local') return { giver: new LocalGiver(), setup: { strategy } }
  if (strategy === 'relay') return { giver: new RelayGiver(), setup: { strategy } }
  if (strategy === 'transfer') return { giver: new GiverByKind(new TransferGiver()), setup: { strategy } }
  const { giver, path } = await DescriptorGiver.create(acceptPipe)
  return { giver: new GiverByKind(giver), setup: { strategy, path } }
}

/** The shard's end; see its `ready`. */
export function createTaker({ strategy, path = '' }: TakerSetup): Taker {
  if (strategy === 'local') return new LocalTaker()
  if (strategy === 'relay') return new RelayTaker()
  return new TakerByTicket(strategy === 'transfer' ? new TransferTaker() : new DescriptorTaker(path))
}

/**
 * Gives a socket from one shard to another: directly with `giver`, or, where that is impossible, back to main by way of the
 * shard's own `taker`. Fulfilled when it is on its way. @throws as `Giver.give`
 */
export function giveOn(
  socket: Duplex,
  id: number,
  { giver, taker }: { readonly giver: Giver; readonly taker: Taker },
  post: Parameters<Giver['give']>[1],
): Promise<void> | undefined {
  if (taker.giveBack === undefined || tcpHandleOf(socket) === undefined) {
    giver.give(socket, post)
    return undefined
  }
  post({ via: 'main' }, [])
  return taker.giveBack(socket, id)
}

class GiverByKind implements Giver {
  readonly name: StrategyName
  readonly #forTcp: Giver
  readonly #forOthers = new RelayGiver()

  constructor(forTcp: Giver) {
    this.name = forTcp.name
    this.#forTcp = forTcp
  }

  get onReturned(): Giver['onReturned'] {
    return this.#forTcp.onReturned
  }

  set onReturned(listener: Giver['onReturned']) {
    this.#forTcp.onReturned = (id, { passTo }) =>
      listener?.(id, { passTo: (giver, post) => passTo(giver instanceof GiverByKind ? giver.#forTcp : null, post) })
  }

  give(socket: Duplex, post: Parameters<Giver['give']>[1]): void {
    const giver = tcpHandleOf(socket) === undefined ? this.#forOthers : this.#forTcp
    giver.give(socket, post)
  }

  close(): void {
    this.#forTcp.close()
    this.#forOthers.close()
  }
}

class TakerByTicket implements Taker {
  readonly ready: Promise<void>
  readonly #forTcp: Taker
  readonly #forOthers = new RelayTaker()

  constructor(forTcp: Taker) {
    this.#forTcp = forTcp
    this.ready = forTcp.ready
  }

  take(ticket: Ticket, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void {
    const taker = ticket.via === 'relay' ? this.#forOthers : this.#forTcp
    taker.take(ticket, readInto, adopt)
  }

  get giveBack(): Taker['giveBack'] {
    return this.#forTcp.giveBack?.bind(this.#forTcp)
  }

  close(): void {
    this.#forTcp.close()
    this.#forOthers.close()
  }
}
