import t from 'tap'
import countPrimes from '../../examples/compute/primes.ts'
import { ExampleProcess } from '../fixtures/example-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

t.test('it counts primes', async (t) => {
  t.same([0, 1, 2, 3, 10, 100, 1000].map(countPrimes), [0, 0, 1, 2, 4, 25, 168])
})

t.test('clients get their answers from the compute threads, and the server ends when asked', async (t) => {
  const example = new ExampleProcess('compute/server')
  t.teardown(() => example.kill())
  const url = await example.url()
  const clients = await Promise.all([MessageClient.connect(url), MessageClient.connect(url)])
  for (const { socket } of clients) t.teardown(() => socket.terminate())
  const [one, other] = clients
  one.socket.send('1000000')
  t.same(await one.nextJson(), { limit: 1_000_000, primes: 78_498 })
  other.socket.send('hello')
  t.equal((await other.next()).data.toString(), 'hello')
  other.socket.send('1000001')
  t.equal((await other.next()).data.toString(), '1000001', 'too much to ask comes back')

  // Two hundred at once: more than the queue holds.
  for (let i = 0; i < 200; i++) one.socket.send('1000000')
  const answers = []
  for (let i = 0; i < 200; i++) answers.push(await one.nextJson())
  const refused = answers.filter(({ error }) => error === 'COMPUTE_QUEUE_FULL').length
  t.equal(answers.filter(({ primes }) => primes === 78_498).length, 200 - refused)
  t.ok(refused > 0)

  t.equal(await example.stop(), 0)
  await example.printed(/\d+ tasks, \d+\.\d ms each/)
})
