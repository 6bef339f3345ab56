import t from 'tap'
import { WAYS } from '../fixtures/handlers/ways.ts'
import { testHandlers } from './handlers/suites.ts'

for (const way of WAYS) if (way.kind === 'module') testHandlers(t, way)
