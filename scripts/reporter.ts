/**
 * tap's reporter for this project: one line per finished test file, failures in full, and as the very last
 * line `N passed, N failed` (with `, N skipped` when some were), counted from assertions, not from files.
 */
import { Transform, type TransformCallback } from 'node:stream'
import { inspect } from 'node:util'
import { Parser, type Result } from 'tap-parser'

interface Tally {
  passed: number
  failed: number
  skipped: number
}

/** What tap says about its own child process, or repeats from the assertion's place in the source. */
const NOISE = new Set(['args', 'command', 'compare', 'cwd', 'externalID', 'jobId', 'source', 'stdio'])

function describe(diagnostics: unknown): string {
  return Object.entries(diagnostics ?? {})
    .filter(([key, value]) => !NOISE.has(key) && value !== null)
    .map(
      ([key, value]) =>
        `${key}: ${typeof value === 'string' ? value.trimEnd() : inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 6 })}`,
    )
    .join('\n')
    .replaceAll(/^(?=.)/gm, '      ')
}

/** The file or the path of subtests; tap names a file that ran out of time `timeout!` and puts its path elsewhere. */
function titleOf(result: Result): string {
  const expired: unknown = result.diag?.expired
  return typeof expired === 'string' && expired !== 'TAP' ? `${expired} timed out` : result.fullname || result.name
}

// tap calls `new` on the default export and pipes the instance to stdout.
export default class Reporter extends Transform {
  readonly #parser = new Parser()
  readonly #total: Tally = { passed: 0, failed: 0, skipped: 0 }
  readonly #failures: string[] = []

  constructor() {
    super()
    this.#watch(this.#parser, this.#total, true)
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#parser.write(chunk)
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#parser.end()
    const { passed, failed, skipped } = this.#total
    if (failed === 0 && !this.#parser.ok) this.#fail('the run', undefined, this.#total)
    // A file without one test ends as skipped, with status 0: a test that silently stopped running must not pass.
    if (this.#total.failed > 0) process.exitCode ||= 1
    for (const name of this.#failures) this.push(`failed: ${name}\n`)
    this.push(`${passed} passed, ${this.#total.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
    done()
  }

  /** Counts what `parser` reports into `tally`; the root's children are the test files. */
  #watch(parser: Parser, tally: Tally, isRoot: boolean): void {
    let child: Tally | undefined
    parser.on('child', (subtest: Parser) => {
      child = { passed: 0, failed: 0, skipped: 0 }
      this.#watch(subtest, child, false)
    })
    parser.on('assert', (result: Result) => {
      const inner = child
      child = undefined
      this.#count(result, inner, tally, isRoot)
    })
    parser.on('bailout', (reason: string) => isRoot && this.#fail(`bail out: ${reason}`, undefined, tally))
    parser.on('extra', (text: string) => isRoot && this.push(text))
  }

  #count(result: Result, inner: Tally | undefined, tally: Tally, isFile: boolean): void {
    if (inner) {
      tally.passed += inner.passed
      tally.failed += inner.failed
      tally.skipped += inner.skipped
    }
    const failedBefore = tally.failed - (inner?.failed ?? 0)
    const isHollow = !inner || inner.passed + inner.failed + inner.skipped === 0
    // A closing point fails with its children: it counts only when none of them did (a crash, a timeout).
    if (!result.ok && !result.todo && !inner?.failed) this.#fail(titleOf(result), result.diag, tally)
    else if (isFile && isHollow && result.ok) this.#fail(titleOf(result), { reason: 'the file ran no test' }, tally)
    else if (result.skip || result.todo) this.#skip(result, tally)
    else if (isHollow) tally.passed += 1
    if (isFile) {
      const seconds = ((result.time ?? 0) / 1000).toFixed(1).padStart(6)
      this.push(`${tally.failed > failedBefore ? 'FAIL' : 'ok  '} ${seconds} s  ${titleOf(result)}\n`)
    }
  }

  #skip(result: Result, tally: Tally): void {
    tally.skipped += 1
    const reason = result.skip || result.todo
    this.push(`  skipped: ${titleOf(result)}${typeof reason === 'string' ? `: ${reason}` : ''}\n`)
  }

  #fail(name: string, diagnostics: unknown, tally: Tally): void {
    tally.failed += 1
    this.#failures.push(name)
    this.push([`  not ok: ${name}`, describe(diagnostics)].filter(Boolean).join('\n').concat('\n'))
  }
}
