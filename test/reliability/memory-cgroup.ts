import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { eventually } from '../fixtures/journal.ts'

/** Files of a memory cgroup, by what they hold. */
interface Names {
  readonly root: string
  readonly limit: string
  readonly peak: string
  /** Has a line `oom_kill` with a count. */
  readonly events: string
}

const V1: Names = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  peak: 'memory.max_usage_in_bytes',
  events: 'memory.oom_control',
}
const V2: Names = { root: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' }

/** For the last process in it to be gone. */
const EMPTY_MS = 10_000

let made = 0

/** What a container's memory limit is to the kernel: whoever is in it and wants more is ended. */
export class MemoryCgroup {
  readonly #names: Names
  readonly #folder: string

  /** Why there can be none here; false: there can. */
  static whyNot(): string | false {
    try {
      new MemoryCgroup(2 ** 30).#removeNow()
      return false
    } catch (error) {
      return `no memory cgroup can be made: ${(error as Error).message}`
    }
  }

  constructor(limitBytes: number) {
    this.#names = existsSync(`${V1.root}/${V1.limit}`) ? V1 : V2
    this.#folder = `${this.#names.root}/shardws-test-${process.pid}-${++made}`
    mkdirSync(this.#folder)
    try {
      writeFileSync(`${this.#folder}/${this.#names.limit}`, `${limitBytes}`)
    } catch (error) {
      this.#removeNow()
      throw error
    }
  }

  /** Runs the command behind it as a process of the group. */
  get launcher(): readonly string[] {
    return ['/bin/sh', '-c', `echo $$ > ${this.#folder}/cgroup.procs && exec "$0" "$@"`]
  }

  /** The most that it has held, bytes; 0 where the kernel does not say. */
  get peakBytes(): number {
    const path = `${this.#folder}/${this.#names.peak}`
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
  }

  /** Processes that the kernel has ended for want of memory. */
  get kills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(`${this.#folder}/${this.#names.events}`, 'utf8'))?.[1] ?? 0)
  }

  /** When its processes have ended. */
  async remove(): Promise<void> {
    await eventually('an empty cgroup', () => this.#isRemoved(), EMPTY_MS)
  }

  #isRemoved(): boolean {
    try {
      this.#removeNow()
      return true
    } catch {
      return false
    }
  }

  #removeNow(): void {
    rmdirSync(this.#folder)
  }
}
