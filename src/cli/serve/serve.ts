import { command } from '../command.ts'
import { SERVE_OPTIONS } from './serve-options.ts'

export const SERVE = command(
  {
    name: 'serve',
    operands: '[handler]',
    summary: 'Serve WebSocket connections on worker threads.',
    details: [
      '',
      'The handler is a JavaScript module (TypeScript where Node runs it) whose default export handles connections:',
      '  export default { message: (socket, message) => socket.send(message) }',
      'Without one, or with echo, everybody gets back what they send; with chat, what the others on the same path send.',
      'SIGHUP reads certificates and loads the handler anew without closing a connection (with --accept raw and TLS they',
      'are closed with 1012); SIGTERM and Ctrl-C end the server gracefully.',
    ],
    options: SERVE_OPTIONS,
    examples: [
      'shardws serve',
      'shardws serve chat --static ./public --port 3000',
      'shardws serve ./game.handler.js --path /game --shards 4 --metrics --host 0.0.0.0',
    ],
  },
  // The engine is loaded by the command that needs it: it takes longer than all the rest.
  async (...given) => (await import('./server.ts')).runServer(...given),
)
