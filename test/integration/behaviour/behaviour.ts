import type { Test } from 'tap'
import type { WebSocketServerOptions } from '../../../src/index.ts'
import type { StartEngine } from '../../fixtures/engine-under-test.ts'

/** Registers its subtests on `t`. `start` starts an engine of the configuration; `options` is that configuration. */
export type Behaviour = (t: Test, start: StartEngine, options: WebSocketServerOptions) => void
