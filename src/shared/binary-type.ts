/** What handlers and listeners of sockets get for a binary message. */
export type BinaryType = 'buffer' | 'arraybuffer' | 'uint8array'

/** `bytes` as the application wants them; an ArrayBuffer is a copy, the others are views on a larger one. */
export function asBinaryType(bytes: Buffer, binaryType: BinaryType): Buffer | ArrayBuffer | Uint8Array {
  switch (binaryType) {
    case 'buffer':
      return bytes
    case 'uint8array':
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    case 'arraybuffer':
      return new Uint8Array(bytes).buffer
  }
}
