import t from 'tap'
import { ENTRANCES } from '../fixtures/entrances-under-test.ts'
import { testLifecycle } from './entrances/lifecycle.ts'

for (const entrance of ENTRANCES) if (entrance.options.accept === 'acceptor') testLifecycle(t, entrance)
