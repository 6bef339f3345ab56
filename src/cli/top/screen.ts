import { emitKeypressEvents, type Key } from 'node:readline'
import type { Terminal } from '../terminal.ts'

/** Another screen, no cursor, and long lines are cut instead of wrapped. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE_END = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** The whole terminal while something is shown in it, and the keys; what was there before comes back at the end. */
export class Screen {
  readonly #terminal: Terminal
  readonly #onQuit: () => void

  /** @param onQuit Called for q and Ctrl-C. */
  constructor(terminal: Terminal, onQuit: () => void) {
    this.#terminal = terminal
    this.#onQuit = onQuit
    const { input, out } = terminal
    out.write(ENTER)
    if (!input.isTTY) return
    emitKeypressEvents(input)
    input.setRawMode(true)
    input.on('keypress', this.#onKey)
    input.resume()
  }

  /** From the top, as much as there is room for; what was longer before is cleared. */
  show(lines: readonly string[]): void {
    const { out } = this.#terminal
    const shown = lines.slice(0, out.rows - 1).map((line) => `${line}${CLEAR_LINE_END}\n`)
    out.write(`${HOME}${shown.join('')}${CLEAR_BELOW}`)
  }

  leave(): void {
    const { input, out } = this.#terminal
    out.write(LEAVE)
    if (!input.isTTY) return
    input.off('keypress', this.#onKey)
    input.setRawMode(false)
    input.destroy()
  }

  readonly #onKey = (_text: string | undefined, { name, ctrl }: Key): void => {
    if (name === 'q' || (ctrl === true && (name === 'c' || name === 'd'))) this.#onQuit()
  }
}
