import t from 'tap'
import { ENTRANCES } from '../fixtures/entrances-under-test.ts'
import { testRequests } from './entrances/requests.ts'

for (const entrance of ENTRANCES) if (entrance.options.accept === 'acceptor') testRequests(t, entrance)
