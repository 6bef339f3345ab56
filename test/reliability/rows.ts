/**
 * Rows of the fault catalogue of classes P (protocol), U (upgrade), M (memory), B (back-pressure), H (hand-off and
 * threads), O (operations) and T (time), in its order.
 */
export const ROWS: readonly number[] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 38,
  39, 41, 44, 45, 46, 47, 48, 49, 50, 53, 54, 55, 56, 57, 58, 59, 60, 61, 68, 69, 70, 71, 72, 73, 74, 75, 80, 81, 82,
]

/** Rows that no test can prove, with the reason. */
export const NOT_YET: Readonly<Record<number, string>> = {
  44: 'messages are bytes or text: there is no decoder of payloads',
}

/** Tests that prove a part of a row and do not carry its number: row, file below `test/`, text of the title. */
export const ELSEWHERE: readonly (readonly [row: number, file: string, title: string])[] = [
  [1, 'shared/handoff/shard-death.test.ts', 'no descriptor is left'],
  [2, 'integration/behaviour/vanishing.ts', 'a frame right behind the handshake, then gone'],
  [4, 'integration/rooms-under-fire.test.ts', 'a leave for every join, each once'],
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
  [16, 'integration/shutdown.test.ts', 'a blocked shard does not hold up the shutdown'],
  [16, 'integration/shutdown.test.ts', 'a handshake that is not answered yet gets 503'],
  [17, 'integration/backpressure.test.ts', 'what a blocked shard has not taken is bounded in bytes'],
  [17, 'integration/blocked-main.test.ts', 'stops at the credit window and loses nothing'],
  [
    20,
    'integration/behaviour/capacity.ts',
    'over maxConnections clients are sent away, and a freed place is given again',
  ],
  [21, 'conformance/conformance.test.ts', '9 and 10 limits, performance, fragmentation by the client'],
  [21, 'conformance/compression.test.ts', '12 and 13: data and parameters'],
  [22, 'shared/protocol/utf8.test.ts', 'invalid text fails at the byte that makes it so, however it is cut'],
  [22, 'shared/protocol/frame-parser.test.ts', 'text fails at the byte that makes it invalid'],
  [23, 'shared/protocol/frame-header.test.ts', 'all first two bytes'],
  [23, 'shared/protocol/frame-parser.test.ts', 'the declared length fails as soon as it is there'],
  [24, 'shared/protocol/frame-parser.test.ts', 'a declared length allocates nothing'],
  [24, 'conformance/limits.ts', 'a frame one byte over maxPayload, header only'],
  [29, 'integration/blocked-main.test.ts', 'a handshake that the block interrupts goes on afterwards'],
  [32, 'integration/behaviour/vanishing.ts', 'during the closing handshake, either side first'],
  [33, 'integration/behaviour/vanishing.ts', 'a half-close behind queued frames'],
  [34, 'shared/protocol/frame-parser.test.ts', 'close frames'],
  [34, 'integration/deadlines.test.ts', 'closeTimeoutMs: a peer that does not answer the close frame'],
  [46, 'integration/rooms-under-fire.test.ts', 'the directory is exact'],
  [48, 'shared/batch.test.ts', 'long bytes that are owned change threads without a copy, short ones are copied'],
  [56, 'workers/inflater.test.ts', 'every byte of 200 messages, spoilt'],
  [58, 'workers/clock.test.ts', 'the time of day follows real time, gaps included, and not the wall clock'],
  [59, 'shared/sweep.test.ts', 'its time stands still while this thread does'],
  [59, 'main/watchdog.test.ts', 'the time in which this thread stands still counts for two periods at most'],
  [60, 'workers/heartbeat.test.ts', 'one sweep passes the time of the clock to every connection'],
  [69, 'integration/moves.test.ts', 'reload, resize and rebalance under traffic'],
  [71, 'main/supervisor.test.ts', 'leaves nothing that keeps the process alive'],
  [72, 'integration/behaviour/attaching.ts', 'and can listen elsewhere'],
  [73, 'shared/protocol/frame-parser.test.ts', 'any cut gives the same events'],
  [73, 'shared/protocol/frame-parser.test.ts', 'random messages, random fragments, random cuts'],
  [74, 'shared/protocol/frame-parser.test.ts', 'every boundary size, echoed exactly'],
]
