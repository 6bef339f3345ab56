import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { surrender, tcpHandleOf } from '../../../src/shared/handoff/handle.ts'

for (const noDelay of [false, true]) {
  t.test(`a socket leaves without Nagle's delay: its server has ${noDelay ? '' : 'not '}switched it off`, async (t) => {
    const server = createServer({ noDelay }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [accepted] = (await once(server, 'connection')) as [Socket]
    const handle = tcpHandleOf(accepted) as unknown as { setNoDelay(isOn: boolean): number; close(): void }
    const calls: boolean[] = []
    const setNoDelay = handle.setNoDelay.bind(handle)
    handle.setNoDelay = (isOn) => {
      calls.push(isOn)
      return setNoDelay(isOn)
    }
    surrender(accepted, (taken) => t.equal(taken, handle))
    t.same(calls, noDelay ? [] : [true], 'a system call only where it is needed')
    handle.close()
    client.destroy()
    server.close()
  })
}
