import { SendFlag, type ShardTask } from '../../src/shared/messages.ts'
import { encodeFrame } from '../../src/shared/protocol/frame-writer.ts'
import { Opcode } from '../../src/shared/protocol/opcodes.ts'
import { runHandlingShard } from '../../workers/shard.ts'
import type { HandledConnection, HandledShard, ShardHandler } from '../../workers/shard-handler.ts'

/** No connection has this key: a broadcast that excepts nobody. */
const NOBODY = -1

/** A shard that echoes or broadcasts on its own thread, as `BENCH_APP` says: what the engine costs without main. */
export default function runBenchShard(task: ShardTask): Promise<void> {
  return runHandlingShard(task, process.env.BENCH_APP === 'fan-out' ? createFanOut : () => ECHO)
}

const ECHO: ShardHandler = {
  message: (connection: HandledConnection, payload: Buffer, isBinary: boolean) =>
    connection.send(payload, isBinary ? SendFlag.BINARY : 0),
}

function createFanOut(shard: HandledShard): ShardHandler {
  return {
    message(_connection, payload, isBinary) {
      const frame = encodeFrame(isBinary ? Opcode.BINARY : Opcode.TEXT, payload)
      shard.broadcast(frame, payload.length, NOBODY, isBinary ? SendFlag.BINARY : 0)
    },
  }
}
