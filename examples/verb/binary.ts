/**
 * A binary protocol: the first byte of a message says what the rest is: 1 a file, 2 audio, 3 video. Files go to UPLOADS
 * (default: a folder in the system's temporary one). `node dist/examples/verb/binary.js`
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, ServerProtocol, type VerbSocket } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

const { UPLOADS = join(tmpdir(), 'verb-uploads') } = process.env
const MAX_FILES_PER_CONNECTION = 100

interface Session {
  readonly userId: number
  files: number
  audioBytes: number
  videoBytes: number
}

let lastUserId = 0

const app = createServer<Session>(ServerProtocol.WEBSOCKET)

app.withOptions({
  websocket: {
    maxPayloadLength: 4 * 1024 * 1024,
    open: (ws) => {
      ws.data = { userId: ++lastUserId, files: 0, audioBytes: 0, videoBytes: 0 }
    },
    message: (ws, message) => {
      if (typeof message === 'string') return ws.send('binary messages only, please')
      return handleBinary(ws, message)
    },
    error: (ws, error) => {
      console.error(error.message)
      ws.send(JSON.stringify({ type: 'error', message: 'The message could not be handled' }))
    },
  },
})

function handleBinary(ws: VerbSocket<Session>, message: Buffer): unknown {
  const [type, body] = [message[0], message.subarray(1)]
  switch (type) {
    case 1:
      return saveFile(ws, body)
    case 2:
      ws.data.audioBytes += body.length
      return ws.send(JSON.stringify({ type: 'audio_received', size: body.length, total: ws.data.audioBytes }))
    case 3:
      ws.data.videoBytes += body.length
      return ws.send(JSON.stringify({ type: 'video_received', size: body.length, total: ws.data.videoBytes }))
    default:
      return ws.send('Unknown binary message type')
  }
}

async function saveFile(ws: VerbSocket<Session>, body: Buffer): Promise<void> {
  const number = ++ws.data.files
  if (number > MAX_FILES_PER_CONNECTION) {
    ws.send(JSON.stringify({ type: 'error', message: `At most ${MAX_FILES_PER_CONNECTION} files` }))
    return
  }
  // Two files of one user may come within a millisecond.
  const filename = `upload_${Date.now()}_${ws.data.userId}_${number}`
  await mkdir(UPLOADS, { recursive: true })
  await writeFile(join(UPLOADS, filename), body)
  ws.send(JSON.stringify({ type: 'file_uploaded', filename, size: body.length }))
}

await serve(app)
