const ERASE_LINE = '\r\x1b[2K'

/** What the run is doing, on stderr: one line rewritten on a terminal, a line per finished step elsewhere. */
export class Progress {
  readonly #total: number
  #done = 0

  constructor(total: number) {
    this.#total = total
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  live(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`${ERASE_LINE}[${this.#done + 1}/${this.#total}] ${text}`)
  }

  done(text: string): void {
    this.#done += 1
    process.stderr.write(`${process.stderr.isTTY ? ERASE_LINE : ''}[${this.#done}/${this.#total}] ${text}\n`)
  }
}
