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
  /** Counted as it is read: what a subtest said before it was killed stays counted. */
  readonly #total: Tally = { passed: 0, failed: 0, skipped: 0 }
  readonly #failures: string[] = []

  constructor() {
    super()
    this.#watch(this.#parser, true)
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#parser.write(chunk)
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#parser.end()
    if (this.#total.failed === 0 && !this.#parser.ok) this.#fail('the run', undefined)
    const { passed, failed, skipped } = this.#total
    // A file without one test ends as skipped, with status 0: a test that silently stopped running must not pass.
    if (failed > 0) process.exitCode ||= 1
    for (const name of this.#failures) this.push(`failed: ${name}\n`)
    this.push(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
    done()
  }

  /** Counts what `parser` reports; the root's children are the test files. */
  #watch(parser: Parser, isRoot: boolean): void {
    let before: Tally | undefined
    parser.on('child', (subtest: Parser) => {
      before = { ...this.#total }
      this.#watch(subtest, false)
    })
    parser.on('assert', (result: Result) => {
      this.#count(result, before ?? { ...this.#total }, isRoot)
      before = undefined
    })
    parser.on('bailout', (reason: string) => isRoot && this.#fail(`bail out: ${reason}`, undefined))
    parser.on('extra', (text: string) => isRoot && this.push(text))
  }

  /** `before` is the tally when the subtest began that `result` closes, or the tally now for an assertion. */
  #count(result: Result, before: Tally, isFile: boolean): void {
    const total = this.#total
    const hasInnerFailure = total.failed > before.failed
    const isLeaf = !hasInnerFailure && total.passed === before.passed && total.skipped === before.skipped
    // A closing point fails with its children: it counts only when none of them did (a crash, a timeout).
    if (!result.ok && !result.todo && !hasInnerFailure) this.#fail(titleOf(result), result.diag)
    else if (isFile && isLeaf && result.ok) this.#fail(titleOf(result), { reason: 'the file ran no test' })
    else if (result.skip || result.todo) this.#skip(result)
    else if (isLeaf) total.passed += 1
    if (isFile) {
      const seconds = ((result.time ?? 0) / 1000).toFixed(1).padStart(6)
      this.push(`${total.failed > before.failed ? 'FAIL' : 'ok  '} ${seconds} s  ${titleOf(result)}\n`)
    }
  }

  #skip(result: Result): void {
    this.#total.skipped += 1
    const reason = result.skip || result.todo
    this.push(`  skipped: ${titleOf(result)}${typeof reason === 'string' ? `: ${reason}` : ''}\n`)
  }

  #fail(name: string, diagnostics: unknown): void {
    this.#total.failed += 1
    this.#failures.push(name)
    this.push([`  not ok: ${name}`, describe(diagnostics)].filter(Boolean).join('\n').concat('\n'))
  }
}
