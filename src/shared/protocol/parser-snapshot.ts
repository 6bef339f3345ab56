/**
 * What a `FrameParser` knows between two pushes, for another one that is given the bytes that follow. Structured-cloneable;
 * its byte arrays own their memory. The fields are those of the parser.
 */
export interface ParserSnapshot {
  readonly stage: number
  readonly first: number
  readonly length: number
  readonly missing: number
  readonly maskKey: number
  readonly messageFirst: number
  readonly fragments: number
  readonly utf8State: number
  readonly message: Uint8Array | null
  readonly control: Uint8Array | null
}
