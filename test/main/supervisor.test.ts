import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'

const INDEX = new URL('../../src/index.js', import.meta.url).href

for (const shards of [0, 1, 3]) {
  t.test(`a shutdown before ${shards} shards have started leaves nothing that keeps the process alive`, async (t) => {
    const script = `
      import { WebSocketServer } from '${INDEX}'
      await new WebSocketServer({ shards: ${shards}, execArgv: [] }).shutdown()
      console.log('shut down')`
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    const deadline = setTimeout(() => child.kill('SIGKILL'), 5000)
    const [code, signal] = await once(child, 'exit')
    clearTimeout(deadline)
    t.same([code, signal, output.trim()], [0, null, 'shut down'])
  })
}
