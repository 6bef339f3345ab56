import fc from 'fast-check'
import t from 'tap'
import { elementsOf, includes, type SmallSet, sizeOf, withAdded, withRemoved } from '../../src/shared/small-set.ts'

const ELEMENTS = Array.from({ length: 5 }, (_, index) => ({ index }))

t.test('property: it holds what a Set would hold, in the same order', async (t) => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...ELEMENTS)), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (sequence) => {
      const model = new Set<object>()
      let set: SmallSet<{ index: number }> | undefined
      for (const [isAdded, element] of sequence) {
        if (isAdded && !model.has(element)) {
          model.add(element)
          set = withAdded(set, element)
        } else if (!isAdded && set !== undefined) {
          model.delete(element)
          set = withRemoved(set, element)
        }
        const elements = [...elementsOf(set)]
        if (sizeOf(set) !== model.size || (set === undefined) !== (model.size === 0)) return false
        if (elements.length !== model.size || [...model].some((each, at) => elements[at] !== each)) return false
        if (ELEMENTS.some((each) => includes(set, each) !== model.has(each))) return false
      }
      return true
    }),
  )
  t.pass()
})

t.test('one element costs nothing', async (t) => {
  const [element] = ELEMENTS
  t.equal(withAdded(undefined, element!), element)
})
