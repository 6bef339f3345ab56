import t from 'tap'
import { type Traffic, TrafficRates } from '../../src/main/traffic-rates.ts'

function traffic(messagesReceived: number): Traffic {
  return { messagesReceived, messagesSent: 2 * messagesReceived, bytesReceived: 0, bytesSent: 10 * messagesReceived }
}

/** Whether they differ by less than one in a hundred. */
function isNear(actual: number, expected: number): boolean {
  return Math.abs(actual - expected) <= Math.abs(expected) / 100
}

t.test('ME16 the first reading is the mean since the begin, of everything', async (t) => {
  const rates = new TrafficRates(1000)
  t.same(rates.read(1000, traffic(5)), traffic(0), 'no time has passed')
  t.same(rates.read(3000, traffic(100)), traffic(50))
  t.same(rates.read(3000, traffic(100)), traffic(50), 'again')
})

t.test('ME16 a steady rate is itself, however often it is read', async (t) => {
  for (const everyMs of [1, 100, 5000, 60_000]) {
    const rates = new TrafficRates(0)
    let rate = 0
    for (let nowMs = everyMs; nowMs <= 10 * everyMs; nowMs += everyMs)
      rate = rates.read(nowMs, traffic(nowMs / 4)).messagesReceived
    t.ok(isNear(rate, 250), `${rate} when read every ${everyMs} ms`)
  }
})

t.test('ME16 a change counts 63 % after ten seconds, whatever the readings in between', async (t) => {
  for (const everyMs of [100, 1000, 10_000]) {
    const rates = new TrafficRates(0)
    rates.read(10_000, traffic(0))
    let rate = 0
    for (let nowMs = 10_000 + everyMs; nowMs <= 20_000; nowMs += everyMs)
      rate = rates.read(nowMs, traffic((nowMs - 10_000) / 10)).messagesReceived
    t.ok(isNear(rate, 63.2), `${rate} when read every ${everyMs} ms`)
  }
})

t.test('ME16 after long silence it is nearly nothing', async (t) => {
  const rates = new TrafficRates(0)
  rates.read(1000, traffic(1000))
  t.ok(rates.read(61_000, traffic(1000)).messagesReceived < 3)
})
