import fc from 'fast-check'
import t from 'tap'
import { type Resident, RoomDirectory } from '../../src/main/room-directory.ts'

const SHARDS = 3
/** More than a room without counts has. */
const RESIDENTS: readonly Resident[] = Array.from({ length: 24 }, (_, at) => ({ home: { index: at % SHARDS } }))

t.test('RO22 property: a room is on the shards of its members, and on no other', async (t) => {
  const step = fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom(...RESIDENTS))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const directory = new RoomDirectory<Resident>()
      const members = new Set<Resident>()
      for (const [isJoin, isAsked, resident] of steps) {
        if (isJoin) directory.add(resident, 'room')
        else directory.remove(resident, 'room')
        if (isJoin) members.add(resident)
        else members.delete(resident)
        if (!isAsked) continue
        for (let shard = 0; shard < SHARDS; shard++) {
          const isOn = directory.get('room')?.isOn(shard) ?? false
          if (isOn !== [...members].some(({ home }) => home.index === shard)) return false
        }
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.pass()
})

t.test('a large room whose members of one shard leave is on the others only', async (t) => {
  const directory = new RoomDirectory<Resident>()
  for (const resident of RESIDENTS) directory.add(resident, 'room')
  const isOn = (): boolean[] => [0, 1, 2].map((shard) => directory.get('room')?.isOn(shard) ?? false)
  t.same(isOn(), [true, true, true])
  for (const resident of RESIDENTS) if (resident.home.index === 1) directory.removeAll(resident)
  t.same(isOn(), [true, false, true])
})
