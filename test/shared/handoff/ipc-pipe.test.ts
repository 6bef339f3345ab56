import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import t from 'tap'
import { connectIpcPipe, endSuperseded, IpcListener, type IpcPipe } from '../../../src/shared/handoff/ipc-pipe.ts'
import { bestStrategy } from '../../../src/shared/handoff/probe.ts'
import { deferred } from '../../fixtures/deferred.ts'

const skip = (await bestStrategy()) === 'descriptor' ? false : 'no descriptors are passed on this Node'

t.test('a number that a stranger has got is left to them until they have closed it', { skip }, async (t) => {
  const accepted = deferred<IpcPipe | null>()
  const listener = await IpcListener.listen(accepted.resolve)
  const other = await connectIpcPipe(listener.path)
  const number = (await accepted.promise)?.fd

  // Between the close of the pipe and the next try for its number another thread opens something.
  const { openSync } = fs
  let stranger = -1
  fs.openSync = (...args) => {
    const opened = openSync(...args)
    if (opened !== number || stranger !== -1) return opened
    stranger = opened
    return openSync(...args)
  }
  syncBuiltinESMExports()
  listener.close()
  t.equal(stranger, number)

  let isEnded = false
  const ended = endSuperseded().then(() => (isEnded = true))
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(isEnded, false, 'it is waited for')
  t.doesNotThrow(() => fs.fstatSync(stranger), 'and still open')

  fs.openSync = openSync
  syncBuiltinESMExports()
  fs.closeSync(stranger)
  await ended
  t.throws(() => fs.fstatSync(stranger), 'nothing is left open at this number')
  other.close()
})
