/** What rooms cost: a publish by the number of shards with members, a delivery by the number of shards, a membership. */
import { measureFanOut } from './fan-out.ts'
import { measureMemory } from './memory.ts'
import { measurePublish } from './publish.ts'

await measurePublish()
await measureFanOut()
await measureMemory()
