import t from 'tap'
import { engineConfigurations } from '../fixtures/configurations.ts'
import { EngineUnderTest, type StartEngine } from '../fixtures/engine-under-test.ts'
import { attaching } from './behaviour/attaching.ts'
import type { Behaviour } from './behaviour/behaviour.ts'
import { broadcasting } from './behaviour/broadcasting.ts'
import { capacity } from './behaviour/capacity.ts'
import { closing } from './behaviour/closing.ts'
import { controlFrames } from './behaviour/control-frames.ts'
import { listeners } from './behaviour/listeners.ts'
import { messages } from './behaviour/messages.ts'
import { metrics } from './behaviour/metrics.ts'
import { ordering } from './behaviour/ordering.ts'
import { origins } from './behaviour/origins.ts'
import { peers } from './behaviour/peers.ts'
import { subprotocols } from './behaviour/subprotocols.ts'
import { vanishing } from './behaviour/vanishing.ts'
import { verification } from './behaviour/verification.ts'

/** Of connections. */
const SUITES: Readonly<Record<string, Behaviour>> = {
  messages,
  closing,
  peers,
  broadcasting,
  ordering,
  controlFrames,
  capacity,
  listeners,
  metrics,
  vanishing,
}

/**
 * What main decides before a connection has a shard. Each of these tests starts servers of its own: of the strategies among
 * several shards one will do, and with one shard they are all tried.
 */
const HANDSHAKES: Readonly<Record<string, Behaviour>> = { subprotocols, origins, verification, attaching }

for (const { name, options } of await engineConfigurations()) {
  t.test(name, async (t) => {
    const shared = await EngineUnderTest.listening(options)
    t.teardown(() => shared.stop())
    /** Tests that need no options of their own share one engine, one after another. */
    const start: StartEngine = async (subtest, more) => {
      if (more !== undefined) return EngineUnderTest.start(subtest, { ...options, ...more })
      subtest.teardown(() => shared.release())
      return shared
    }
    const isSecondAmongSeveral = options.shards !== 1 && options.handoff === 'relay'
    const suites = isSecondAmongSeveral ? SUITES : { ...SUITES, ...HANDSHAKES }
    for (const [suite, register] of Object.entries(suites)) t.test(suite, async (t) => register(t, start, options))
  })
}
