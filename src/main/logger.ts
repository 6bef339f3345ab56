import { escapeControls } from './log-text.ts'

/** From which level up the default logger writes. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Where the engine reports what an operator should know. Shaped like pino, which can be passed as it is. */
export interface Logger {
  /** Something is lost or broken. */
  error(details: object, message: string): void
  /** Something that somebody should look at. */
  warn(details: object, message: string): void
  /** Refusals, limits that were reached, shards that start. */
  info(details: object, message: string): void
  /** Errors of single connections that nobody listens to. */
  debug(details: object, message: string): void
}

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']

export function isLogLevel(value: unknown): value is LogLevel {
  return LEVELS.includes(value as LogLevel)
}

/** One line per record on the standard error, from `level` up. */
export function createStderrLogger(level: LogLevel): Logger {
  const writer =
    (of: LogLevel) =>
    (details: object, message: string): void => {
      if (LEVELS.indexOf(of) > LEVELS.indexOf(level)) return
      process.stderr.write(`shardws ${of}: ${escapeControls(`${message} ${JSON.stringify(details)}`)}\n`)
    }
  return { error: writer('error'), warn: writer('warn'), info: writer('info'), debug: writer('debug') }
}
