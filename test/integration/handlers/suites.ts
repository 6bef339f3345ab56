import type { Test } from 'tap'
import type { WebSocketServerOptions } from '../../../src/index.ts'
import { EngineUnderTest } from '../../fixtures/engine-under-test.ts'
import type { HandlerBehaviour, StartControlled } from '../../fixtures/handlers/controlled.ts'
import type { HandlerName, Way } from '../../fixtures/handlers/ways.ts'
import { failing, validating } from './failing.ts'
import { joining } from './joining.ts'
import { limiting } from './limiting.ts'
import { middleware } from './middleware.ts'
import { opening } from './opening.ts'
import { publishing } from './publishing.ts'
import { reaching } from './reaching.ts'
import { sockets } from './sockets.ts'
import { upgrading } from './upgrading.ts'

const SUITES: Readonly<Record<string, HandlerBehaviour>> = {
  sockets,
  upgrading,
  opening,
  joining,
  publishing,
  reaching,
  failing,
  validating,
  limiting,
  middleware,
}

const ROUTES: Readonly<Record<string, HandlerName>> = {
  '/gate/:how': 'gate',
  '/slow-open': 'slow-open',
  '/validated': 'validated',
  '/strict': 'strict',
}

async function listening(way: Way, more: WebSocketServerOptions = {}): Promise<EngineUnderTest> {
  const engine = new EngineUnderTest({ ...way.options, handler: way.give('control'), ...more })
  for (const [path, name] of Object.entries(ROUTES)) engine.server.route(path, way.give(name))
  await engine.listen()
  return engine
}

/** The same behaviour, whichever way the handlers are given. */
export function testHandlers(t: Test, way: Way): void {
  t.test(way.name, async (t) => {
    const shared = await listening(way)
    t.teardown(() => shared.stop())
    /** Tests that need no options of their own share one server, one after another. */
    const start: StartControlled = async (subtest, more) => {
      if (more === undefined) {
        subtest.teardown(async () => {
          await shared.release()
          shared.server.state.clear()
        })
        return shared
      }
      const engine = await listening(way, more)
      subtest.teardown(() => engine.stop())
      return engine
    }
    for (const [suite, register] of Object.entries(SUITES)) t.test(suite, async (t) => register(t, start, way))
  })
}
