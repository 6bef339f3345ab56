import { closeSync, openSync } from 'node:fs'
import type { WebSocketServer } from '../../facades/websocket-server.ts'
import { explain } from '../explain.ts'
import { plural } from '../figures.ts'
import type { Terminal } from '../terminal.ts'

/** SIGHUP reads certificates and loads the handler anew, unless it means that the terminal has gone: then it ends the server. */
export class ReloadOnHangup {
  readonly #webSocket: WebSocketServer
  readonly #terminal: Terminal
  readonly #renew: () => Promise<void>
  #hasLostTerminal = false

  /** @param renew Reads what is not the handler's. */
  constructor(webSocket: WebSocketServer, terminal: Terminal, renew: () => Promise<void>) {
    this.#renew = renew
    this.#webSocket = webSocket
    this.#terminal = terminal
    process.on('SIGHUP', this.#onHangup)
  }

  stop(): void {
    process.off('SIGHUP', this.#onHangup)
    // Now as without us: a process that ends by itself without its terminal is aborted by Node, which cannot reset that.
    if (this.#hasLostTerminal) process.kill(process.pid, 'SIGHUP')
  }

  readonly #onHangup = (): void => {
    this.#hasLostTerminal = this.#terminal.out.isTerminal && !hasTerminal()
    if (this.#hasLostTerminal) void this.#webSocket.shutdown()
    else void this.#reload()
  }

  async #reload(): Promise<void> {
    const { out, err } = this.#terminal
    try {
      await this.#renew()
      const { moved, stayed, closed } = await this.#webSocket.reload()
      out.line(`reloaded: ${plural(moved, 'connection')} moved, ${stayed} stayed, ${closed} closed`)
    } catch (error) {
      const { cause } = error as Error
      err.line(`${err.paint('red', 'not reloaded, what was there goes on:')} ${explain(cause ?? error)}`)
    }
  }
}

/** Whether the process still has a terminal that controls it. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
