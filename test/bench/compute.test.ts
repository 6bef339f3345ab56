import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const BENCH = fileURLToPath(new URL('../../bench/compute.js', import.meta.url))

t.test('a short run tells round trips of the others and of the requests', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, '--seconds', '0.3'])
  const rows = stdout.trim().split('\n').slice(-3)
  t.match(rows, [
    /^no such requests( \| \d+\.\d\d){2} \| – \| – \| 0$/,
    /^handler on main( \| \d+\.\d\d){4} \| \d+$/,
    /^compute\.run( \| \d+\.\d\d){4} \| \d+$/,
  ])
})
