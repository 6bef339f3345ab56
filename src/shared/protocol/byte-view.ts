let lastBuffer: ArrayBufferLike | null = null
let lastView: DataView = new DataView(new ArrayBuffer(0))

/**
 * A DataView of the whole memory behind `bytes`; positions in it start at `bytes.byteOffset`. The last
 * one made is kept: a shard reads into one buffer, so making it (55 ns) is paid once, not per read.
 * At most one ArrayBuffer per thread is kept alive by that.
 */
export function viewOf(bytes: Uint8Array): DataView {
  const { buffer } = bytes
  if (buffer !== lastBuffer) {
    lastBuffer = buffer
    lastView = new DataView(buffer)
  }
  return lastView
}
