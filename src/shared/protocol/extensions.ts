import { isToken, skipWhitespace, tokenEnd } from './tokens.ts'

/** RFC 6455 §9.1: one element of a `Sec-WebSocket-Extensions` header. Names are case-sensitive. */
export interface Extension {
  readonly name: string
  /** In order, repeated ones too: whoever knows the extension judges them. */
  readonly parameters: readonly ExtensionParameter[]
}

export interface ExtensionParameter {
  readonly name: string
  /** Without quotes; null when the parameter has no value. */
  readonly value: string | null
}

/** Characters. Node refuses longer headers unless it is told otherwise. */
const MAX_HEADER = 16 * 1024
/** Extensions, parameters and empty list elements together. A browser sends two. */
const MAX_ELEMENTS = 256

const COMMA = 0x2c
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * The extensions a `Sec-WebSocket-Extensions` header lists, in order; none for ''. Null if it breaks the grammar,
 * has more than 16 KiB or more than 256 elements. Reads every character once.
 */
export function parseExtensions(header: string): Extension[] | null {
  if (header === '') return []
  if (header.length > MAX_HEADER) return null
  const extensions = new ExtensionReader(header).read()
  // RFC 6455 §9.1: at least one extension.
  return extensions !== null && extensions.length > 0 ? extensions : null
}

/** One extension as it stands in a header. Names and values are tokens. */
export function formatExtension({ name, parameters }: Extension): string {
  let text = name
  for (const parameter of parameters) {
    text += parameter.value === null ? `; ${parameter.name}` : `; ${parameter.name}=${parameter.value}`
  }
  return text
}

class ExtensionReader {
  readonly #text: string
  #at = 0
  #elements = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Extension[] | null {
    const extensions: Extension[] = []
    while (this.#skip() < this.#text.length) {
      // RFC 9110 §5.6.1: a recipient ignores a reasonable number of empty list elements.
      if (this.#take(COMMA)) {
        if (!this.#countElement()) return null
        continue
      }
      const extension = this.#readExtension()
      if (extension === null) return null
      extensions.push(extension)
      if (this.#skip() < this.#text.length && !this.#take(COMMA)) return null
    }
    return extensions
  }

  #readExtension(): Extension | null {
    const name = this.#readName()
    if (name === null) return null
    const parameters: ExtensionParameter[] = []
    while (this.#take(SEMICOLON)) {
      const parameter = this.#readName()
      if (parameter === null) return null
      const hasValue = this.#take(EQUALS)
      const value = hasValue ? this.#readValue() : null
      if (hasValue && value === null) return null
      parameters.push({ name: parameter, value })
    }
    return { name, parameters }
  }

  #readName(): string | null {
    return this.#countElement() ? this.#readToken() : null
  }

  #countElement(): boolean {
    this.#elements += 1
    return this.#elements <= MAX_ELEMENTS
  }

  #readValue(): string | null {
    if (!this.#take(QUOTE)) return this.#readToken()
    const value = this.#readQuoted()
    // RFC 6455 §9.1: after unescaping, a quoted value conforms to the token grammar.
    return value !== null && isToken(value) ? value : null
  }

  #readToken(): string | null {
    const start = this.#skip()
    this.#at = tokenEnd(this.#text, start)
    return this.#at > start ? this.#text.slice(start, this.#at) : null
  }

  /** RFC 9110 §5.6.4: what stands between the quotes, the first of which has been read. */
  #readQuoted(): string | null {
    const text = this.#text
    let value = ''
    let start = this.#at
    for (let at = start; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        return value + text.slice(start, at)
      }
      if (code === BACKSLASH) {
        value += text.slice(start, at)
        start = at + 1
        at += 1
      }
    }
    return null
  }

  /** Reads `code` and the whitespace before it, if it comes next. */
  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#skip()) !== code) return false
    this.#at += 1
    return true
  }

  #skip(): number {
    this.#at = skipWhitespace(this.#text, this.#at)
    return this.#at
  }
}
