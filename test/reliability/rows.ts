/** Rows of the fault catalogue of classes P (protocol), U (upgrade), M (memory) and B (back-pressure), in its order. */
export const ROWS: readonly number[] = [
  5, 6, 7, 9, 10, 14, 17, 21, 22, 23, 24, 25, 26, 27, 30, 32, 33, 34, 41, 44, 49, 50, 53, 54, 55, 56, 57, 68, 73, 74,
  75, 82,
]

/** Rows that no test can prove, with the reason. */
export const NOT_YET: Readonly<Record<number, string>> = {
  44: 'messages are bytes or text: there is no decoder of payloads',
  68: 'there are no resume sessions',
  82: 'there is no client',
}

/** Tests that prove a part of a row and do not carry its number: row, file below `test/`, text of the title. */
export const ELSEWHERE: readonly (readonly [row: number, file: string, title: string])[] = [
  [5, 'shared/protocol/frame-parser.test.ts', 'maxFragments counts every frame of a message'],
  [5, 'shared/protocol/frame-parser.test.ts', 'cost is linear in the number of fragments'],
  [5, 'shared/protocol/message-buffer.test.ts', 'room follows what has arrived'],
  [5, 'conformance/limits.ts', 'one fragment more than maxFragments, all empty'],
  [6, 'integration/compression-bombs.test.ts', 'bombs end their connections with 1009'],
  [6, 'workers/inflater.test.ts', 'a hundred bombs'],
  [6, 'workers/output-area.test.ts', 'room follows what has arrived and stops one byte beyond the limit'],
  [7, 'integration/backpressure.test.ts', 'a peer that stops reading'],
  [7, 'integration/backpressure.test.ts', 'limit - 1 and limit are admitted, limit + 1 is not'],
  [7, 'integration/backpressure.test.ts', 'maxShardBackpressure: the longest queue of the shard goes'],
  [17, 'integration/backpressure.test.ts', 'what a blocked shard has not taken is bounded in bytes'],
  [17, 'integration/blocked-main.test.ts', 'stops at the credit window and loses nothing'],
  [21, 'conformance/conformance.test.ts', '9 and 10 limits, performance, fragmentation by the client'],
  [21, 'conformance/compression.test.ts', '12 and 13: data and parameters'],
  [22, 'shared/protocol/utf8.test.ts', 'invalid text fails at the byte that makes it so, however it is cut'],
  [22, 'shared/protocol/frame-parser.test.ts', 'text fails at the byte that makes it invalid'],
  [23, 'shared/protocol/frame-header.test.ts', 'all first two bytes'],
  [23, 'shared/protocol/frame-parser.test.ts', 'the declared length fails as soon as it is there'],
  [24, 'shared/protocol/frame-parser.test.ts', 'a declared length allocates nothing'],
  [24, 'conformance/limits.ts', 'a frame one byte over maxPayload, header only'],
  [32, 'integration/behaviour/vanishing.ts', 'during the closing handshake, either side first'],
  [33, 'integration/behaviour/vanishing.ts', 'a half-close behind queued frames'],
  [34, 'shared/protocol/frame-parser.test.ts', 'close frames'],
  [34, 'integration/deadlines.test.ts', 'closeTimeoutMs: a peer that does not answer the close frame'],
  [56, 'workers/inflater.test.ts', 'every byte of 200 messages, spoilt'],
  [73, 'shared/protocol/frame-parser.test.ts', 'any cut gives the same events'],
  [73, 'shared/protocol/frame-parser.test.ts', 'random messages, random fragments, random cuts'],
  [74, 'shared/protocol/frame-parser.test.ts', 'every boundary size, echoed exactly'],
]
