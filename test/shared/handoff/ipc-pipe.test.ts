import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { IpcListener } from '../../../src/shared/handoff/ipc-listener.ts'
import { acceptIpcPipe, connectIpcPipe, type IpcPipe } from '../../../src/shared/handoff/ipc-pipe.ts'
import { bestStrategy } from '../../../src/shared/handoff/probe.ts'
import { deferred } from '../../fixtures/deferred.ts'

const skip = (await bestStrategy()) === 'descriptor' ? false : 'no descriptors are passed on this Node'

function isOpen(descriptor: number): boolean {
  try {
    fs.fstatSync(descriptor)
    return true
  } catch {
    return false
  }
}

/** Another thread that opens something, and gets this number. */
function strangerAt(descriptor: number): number {
  const opened: number[] = []
  while ((opened.at(-1) ?? -1) < descriptor) opened.push(fs.openSync('/dev/null', 'r'))
  const stranger = opened.pop() as number
  for (const each of opened) fs.closeSync(each)
  return stranger
}

async function acceptOne(): Promise<{ pipe: IpcPipe; close: () => void }> {
  const accepted = deferred<IpcPipe | null>()
  const end = await acceptIpcPipe(accepted.resolve)
  const other = await connectIpcPipe(end.path)
  const pipe = (await accepted.promise) as IpcPipe
  other.close()
  return { pipe, close: end.close }
}

t.test('a number that a stranger has got is left to them until they have closed it', { skip }, async (t) => {
  const { pipe, close } = await acceptOne()
  const number = pipe.fd
  // Between the close of the pipe and the try for its number.
  const { openSync } = fs
  let stranger = -1
  fs.openSync = (...args) => {
    const opened = openSync(...args)
    if (opened !== number || stranger !== -1) return opened
    stranger = opened
    return openSync(...args)
  }
  syncBuiltinESMExports()
  t.teardown(() => {
    fs.openSync = openSync
    syncBuiltinESMExports()
  })
  close()
  t.equal(stranger, number)
  t.ok(isOpen(stranger))
  const next = await acceptOne()
  next.close()
  t.ok(isOpen(stranger), 'still in use')
  fs.closeSync(stranger)
  const last = await acceptOne()
  last.close()
  t.notOk(isOpen(number), 'nothing is left open at this number')
})

const ENDS = {
  'exits having opened it': 'open(workerData.descriptor); setImmediate(() => process.exit(3))',
  'throws having opened it': 'open(workerData.descriptor); setImmediate(() => { throw new Error("ordered") })',
  'returns having closed it': 'open(workerData.descriptor).close()',
}

for (const [end, code] of Object.entries(ENDS)) {
  t.test(`a thread that ${end} takes no descriptor of a stranger along, nor does main`, { skip }, async (t) => {
    const accepted = deferred<number | null>()
    const listener = await IpcListener.listen(accepted.resolve)
    const other = await connectIpcPipe(listener.path)
    const descriptor = (await accepted.promise) as number
    t.ok(isOpen(descriptor))
    const module = new URL('../../../src/shared/handoff/ipc-pipe.js', import.meta.url).href
    const source = `import { workerData } from 'node:worker_threads'; import { openIpcPipe as open } from '${module}'; ${code}`
    const workerData = { descriptor }
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
    worker.on('error', () => {})
    await new Promise((resolve) => worker.once('exit', resolve))
    t.notOk(isOpen(descriptor), 'the connection went with the thread')
    const stranger = strangerAt(descriptor)
    t.equal(stranger, descriptor)
    listener.close()
    t.ok(isOpen(stranger))
    fs.closeSync(stranger)
    other.close()
  })
}

t.test('a connection that no thread has opened is closed at once', { skip }, async (t) => {
  const accepted = deferred<number | null>()
  const listener = await IpcListener.listen(accepted.resolve)
  const other = await connectIpcPipe(listener.path)
  const descriptor = (await accepted.promise) as number
  listener.close()
  t.notOk(isOpen(descriptor))
  other.close()
})
