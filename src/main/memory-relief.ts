import { performance } from 'node:perf_hooks'
import type { Logger } from './logger.ts'
import { MEMORY_STEPS, type MemoryObserver, type MemoryReading, type MemoryStep } from './process-memory.ts'
import type { RunningShard } from './running-shard.ts'

/** What was queued is garbage then, which is not collected at once: for so long it is taken for free. */
const COLLECTED_MS = 1000
/** Where closing ends: where the step is taken back. */
const SHED_UNTIL = 0.9

const WHAT: Readonly<Record<MemoryStep, string>> = {
  contexts: 'connections get no compression contexts',
  handshakes: 'opening handshakes are refused',
  queues: 'the connections with the longest queues are closed',
  accepting: 'nobody is accepted',
}

interface ReliefHost {
  readonly logger: Logger
  readonly shards: () => readonly RunningShard[]
  readonly nowMs?: () => number
}

/** What the shards and the operator hear when the process is short of memory. */
export class MemoryRelief implements MemoryObserver {
  readonly #host: ReliefHost
  readonly #nowMs: () => number
  #isShedding = false
  /** The latest orders, oldest first. */
  #discarded: readonly { readonly bytes: number; readonly untilMs: number }[] = []

  constructor(host: ReliefHost) {
    this.#host = host
    this.#nowMs = host.nowMs ?? (() => performance.now())
  }

  onStep(step: MemoryStep, isTaken: boolean, { rssBytes, limitBytes }: MemoryReading): void {
    const { logger, shards } = this.#host
    const details = { option: 'maxMemoryBytes', step, from: MEMORY_STEPS[step], rssBytes, limitBytes }
    if (isTaken) logger.warn(details, `memory is short: ${WHAT[step]}`)
    else logger.info(details, `memory is no longer so short that ${WHAT[step]}`)
    if (step === 'contexts') for (const { link } of shards()) link.allowContexts(!isTaken)
    if (step === 'queues') this.#isShedding = isTaken
  }

  onSample({ rssBytes, limitBytes }: MemoryReading): void {
    const nowMs = this.#nowMs()
    this.#discarded = this.#discarded.filter(({ untilMs }) => untilMs > nowMs)
    const shards = this.#host.shards()
    const queuedBytes = shards.reduce((sum, shard) => sum + shard.queuedBytes, 0)
    const freeBytes = this.#discarded.reduce((sum, { bytes }) => sum + bytes, 0)
    const bytes = Math.min(queuedBytes, rssBytes - SHED_UNTIL * limitBytes - freeBytes)
    if (!this.#isShedding || bytes <= 0) return
    this.#discarded = [...this.#discarded, { bytes, untilMs: nowMs + COLLECTED_MS }]
    for (const shard of shards) {
      const share = Math.ceil((bytes * shard.queuedBytes) / queuedBytes)
      if (share > 0) shard.link.discard(share)
    }
  }
}
