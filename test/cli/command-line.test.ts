import { readFileSync } from 'node:fs'
import t from 'tap'
import { CommandError } from '../../src/cli/command-error.ts'
import { runCommandLine } from '../../src/cli/commands.ts'
import { Output, type Terminal } from '../../src/cli/terminal.ts'
import { runCommand } from '../fixtures/command-process.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const COMMANDS = ['serve', 'connect', 'bench', 'top']

const silent = new Output({ write: () => {} }, {})
const TERMINAL: Terminal = { out: silent, err: silent, input: process.stdin }

t.test('help and version go to the standard output with 0', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8'))
  t.same(await runCommand(t, ['--version']), { exit: 0, stdout: `${version}\n`, stderr: '' })
  const overview = await runCommand(t, ['--help'])
  t.equal(overview.exit, 0)
  for (const name of COMMANDS) {
    t.match(overview.stdout, new RegExp(`^  ${name} +\\S`, 'm'), `${name} is listed`)
    const help = await runCommand(t, [name, '--help'])
    t.match(help, { exit: 0, stderr: '' })
    t.match(help.stdout, new RegExp(`^Usage: shardws ${name} `))
    t.match(help.stdout, /^ {2}-h, --help +\S/m)
    t.match(help.stdout, /Exit codes: 0 .*, 1 .*, 2 /)
    t.notMatch(help.stdout, '\x1b', 'no colours where there is no terminal')
    t.equal((await runCommand(t, ['help', name])).stdout, help.stdout)
  }
})

t.test('without a command the overview says what there is, with 2', async (t) => {
  const { exit, stdout, stderr } = await runCommand(t, [])
  t.same([exit, stdout], [2, ''])
  t.match(stderr, /^Usage: shardws <command>/)
})

for (const [args, message] of [
  [['sreve'], "unknown command 'sreve'; did you mean shardws serve?"],
  [['--port', '1'], '--port must come after a command: shardws serve --port'],
  [['serve', '--prot', '80'], 'unknown option --prot; did you mean --port?'],
  [['serve', '-x'], /^unknown option -x; did you mean --/],
  [['serve', '--port'], '--port needs a value: --port <number>'],
  [['serve', '--port', '--host', 'x'], '--port needs a value: --port <number>'],
  [['serve', '--port', '70000'], "--port must be a whole number from 0 to 65535, got '70000'"],
  [['serve', '--port', '1e3'], "--port must be a whole number from 0 to 65535, got '1e3'"],
  [['serve', '--compression=zip'], "--compression must be one of shared, dedicated, got 'zip'"],
  [['serve', '--help=1'], "--help takes no value, got '1'"],
  [['serve', '--path', 'chat'], "--path must begin with /, got 'chat'"],
  [['serve', '--metrics=m'], "--metrics must begin with /, got 'm'"],
  [['serve', '--dashboard=m'], "--dashboard must begin with /, got 'm'"],
  [['serve', '--dashboard=/m', '--metrics=/m'], /^--metrics and --dashboard must have different paths/],
  [['serve', '--accept', 'raw', '--metrics'], /^--accept raw leaves no other requests to answer: leave out --metrics/],
  [['serve', '--cert', 'x'], '--cert needs --key, the key that belongs to it'],
  [['serve', 'echo', 'chat'], /^one handler is enough, got 'chat' too/],
  [['connect'], 'a URL is needed, such as ws://127.0.0.1:8080/'],
  [['connect', 'localhost:80'], "'localhost:80' is no ws: or wss: URL; did you mean ws://localhost:80?"],
  [['connect', 'http://a/b'], "'http://a/b' is no ws: or wss: URL; did you mean ws://a/b?"],
  [['connect', 'ws://a', 'ws://b'], "one URL is enough, got 'ws://b' too"],
  [['connect', 'ws://a', '--header', 'x'], "--header must be 'Name: value' in visible ASCII, got 'x'"],
  [['connect', 'ws://a', '--header', 'a: b\nc: d'], /^--header must be 'Name: value'/],
  [['connect', 'ws://a', '--header', 'Upgrade: x'], /^--header must not be Upgrade/],
  [['connect', 'ws://a', '--protocol', 'a b'], /^--protocol must be a name without spaces/],
  [['connect', 'ws://a', '--protocol', 'a', '--protocol=a'], /^--protocol must not name one .* twice/],
  [['connect', 'ws://a', '--wait', '-1'], '--wait needs a value: --wait <seconds>'],
  [['connect', 'ws://a', '--wait', 'x'], "--wait must be seconds, from 0 to 86400, got 'x'"],
] as const) {
  t.test(`a usage error: ${args.join(' ').replace(/\n/g, '\\n')}`, async (t) => {
    const told: unknown = await runCommandLine(args, TERMINAL).catch((error: unknown) => error)
    if (!(told instanceof CommandError)) throw told
    t.equal(told.exitCode, 2)
    if (typeof message === 'string') t.equal(told.message, message)
    else t.match(told.message, message)
  })
}

t.test('a usage error is one line on the standard error, with 2', async (t) => {
  t.same(await runCommand(t, ['serve', '--prot', '80']), {
    exit: 2,
    stdout: '',
    stderr: 'shardws: unknown option --prot; did you mean --port?\n',
  })
})

t.test('colours are for terminals that want them', async (t) => {
  const painted = (isTTY: boolean, env: Record<string, string>): string =>
    new Output({ isTTY, write: () => {} }, env).paint('red', 'x')
  t.equal(painted(true, {}), '\x1b[31mx\x1b[0m')
  t.equal(painted(true, { NO_COLOR: '' }), '\x1b[31mx\x1b[0m', 'an empty one is none')
  t.equal(painted(true, { NO_COLOR: '0' }), 'x')
  t.equal(painted(true, { TERM: 'dumb' }), 'x')
  t.equal(painted(false, { TERM: 'xterm' }), 'x')
})
