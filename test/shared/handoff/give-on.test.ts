import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { giveOn } from '../../../src/shared/handoff/handoff.ts'
import type { Giver, Taker } from '../../../src/shared/handoff/strategy.ts'

async function tcpSocket(t: Test) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  return socket
}

/** A shard's ends, and what they were asked for, in order. */
function setUp(canGiveBack: boolean) {
  const asked: string[] = []
  const giver = { give: () => asked.push('given') } as unknown as Giver
  const giveBack = async (_socket: unknown, id: number) => void asked.push(`given back as ${id}`)
  const taker = (canGiveBack ? { giveBack } : {}) as unknown as Taker
  const post: Parameters<Giver['give']>[1] = ({ via }) => asked.push(`ticket via ${via}`)
  return { asked, ends: { giver, taker }, post }
}

t.test('a TCP socket that cannot go to another shard goes back to main, behind its ticket', async (t) => {
  const { asked, ends, post } = setUp(true)
  await giveOn(await tcpSocket(t), 7, ends, post)
  t.same(asked, ['ticket via main', 'given back as 7'])
})

t.test('one that can, and what is not TCP, goes straight to the shard', async (t) => {
  const [direct, relayed] = [setUp(false), setUp(true)]
  t.equal(giveOn(await tcpSocket(t), 7, direct.ends, direct.post), undefined)
  t.equal(giveOn(new PassThrough(), 7, relayed.ends, relayed.post), undefined)
  t.same([direct.asked, relayed.asked], [['given'], ['given']])
})
