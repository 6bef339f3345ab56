/** A stream that the command writes to; `process.stdout` is one. */
export interface OutputStream {
  readonly isTTY?: boolean
  readonly rows?: number
  write(text: string): unknown
}

/** When nobody says how many there are. */
const USUAL_ROWS = 24

const ESCAPES = {
  bold: '\x1b[1m',
  dim: '\x1b[2m',
  red: '\x1b[31m',
  green: '\x1b[32m',
  yellow: '\x1b[33m',
  cyan: '\x1b[36m',
} as const
const RESET = '\x1b[0m'

/** One of the two outputs. Colours and lines that are rewritten are for terminals only. */
export class Output {
  readonly isTerminal: boolean
  /** Whether the command goes on when nobody reads this any more. */
  isOptional = false
  readonly #stream: OutputStream
  readonly #hasColours: boolean

  constructor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream
    this.isTerminal = stream.isTTY === true
    // https://no-color.org: whatever its value, if it has one.
    this.#hasColours = this.isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  }

  get rows(): number {
    return this.#stream.rows ?? USUAL_ROWS
  }

  write(text: string): void {
    this.#stream.write(text)
  }

  line(text = ''): void {
    this.#stream.write(`${text}\n`)
  }

  /** Replaces what the last call has written, on a terminal; elsewhere nothing is written. */
  live(text: string): void {
    if (this.isTerminal) this.#stream.write(`\r\x1b[2K${text}`)
  }

  paint(colour: keyof typeof ESCAPES, text: string): string {
    return this.#hasColours ? `${ESCAPES[colour]}${text}${RESET}` : text
  }
}

/** Where a command reads and writes. */
export interface Terminal {
  readonly out: Output
  /** For what is no result: progress, notices, errors. */
  readonly err: Output
  readonly input: NodeJS.ReadStream
}
