import fc from 'fast-check'
import t from 'tap'
import { connectionKey, MAX_SLOTS, nextGeneration, slotOf } from '../../src/shared/connection-key.ts'

const GENERATIONS = 2048
const slots = fc.nat(MAX_SLOTS - 1)
const generations = fc.nat(GENERATIONS - 1)

t.test('property: a key holds its slot, is a small integer and names one slot and generation', async (t) => {
  fc.assert(
    fc.property(slots, generations, slots, generations, (slot, generation, otherSlot, otherGeneration) => {
      const key = connectionKey(slot, generation)
      const isSame = slot === otherSlot && generation === otherGeneration
      const isSmall = Number.isInteger(key) && key >= 0 && key < 2 ** 31
      return slotOf(key) === slot && isSmall && (key === connectionKey(otherSlot, otherGeneration)) === isSame
    }),
  )
  t.pass()
})

t.test('the extremes', async (t) => {
  t.equal(connectionKey(0, 0), 0)
  t.equal(connectionKey(MAX_SLOTS - 1, GENERATIONS - 1), 2 ** 31 - 1)
  t.equal(slotOf(2 ** 31 - 1), MAX_SLOTS - 1)
  t.equal(MAX_SLOTS, 1_048_576)
})

t.test('generations count up and wrap after 2048', async (t) => {
  t.equal(nextGeneration(-1), 0, 'of a slot never used')
  t.equal(nextGeneration(0), 1)
  t.equal(nextGeneration(GENERATIONS - 2), GENERATIONS - 1)
  t.equal(nextGeneration(GENERATIONS - 1), 0)
})
