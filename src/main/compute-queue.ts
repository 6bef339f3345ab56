import type { ComputeTask } from './compute-task.ts'

/** Tasks in the order of their coming. One can leave from anywhere; everything is O(1), however many have left. */
export class ComputeQueue {
  readonly #tasks = new Map<number, ComputeTask>()
  #first = 0
  #next = 0

  get size(): number {
    return this.#tasks.size
  }

  add(task: ComputeTask): void {
    task.ticket = this.#next++
    this.#tasks.set(task.ticket, task)
  }

  /** Returns whether it was in the queue. */
  remove(task: ComputeTask): boolean {
    return this.#tasks.get(task.ticket) === task && this.#tasks.delete(task.ticket)
  }

  /** The first of them leaves. */
  take(): ComputeTask | undefined {
    if (this.#tasks.size === 0) return undefined
    for (; ; this.#first++) {
      const task = this.#tasks.get(this.#first)
      if (task === undefined) continue
      this.#tasks.delete(this.#first++)
      return task
    }
  }

  /** All of them leave. */
  takeAll(): ComputeTask[] {
    const tasks = [...this.#tasks.values()]
    this.#tasks.clear()
    return tasks
  }
}
