/** A set that is its only element until there are two: most rooms have one member, and a Set costs 150 bytes. */
export type SmallSet<Element extends object> = Element | Set<Element>

export function sizeOf<Element extends object>(set: SmallSet<Element> | undefined): number {
  if (set === undefined) return 0
  return set instanceof Set ? set.size : 1
}

export function includes<Element extends object>(set: SmallSet<Element> | undefined, element: Element): boolean {
  return set instanceof Set ? set.has(element) : set === element
}

export function elementsOf<Element extends object>(set: SmallSet<Element> | undefined): Iterable<Element> {
  if (set === undefined) return []
  return set instanceof Set ? (set as Set<Element>) : [set]
}

/** The set with `element`, which is not in it yet. It may be changed in place. */
export function withAdded<Element extends object>(
  set: SmallSet<Element> | undefined,
  element: Element,
): SmallSet<Element> {
  if (set === undefined) return element
  if (set instanceof Set) return set.add(element)
  return new Set([set, element])
}

/** The set without `element`, undefined if nothing is left. It may be changed in place. */
export function withRemoved<Element extends object>(
  set: SmallSet<Element>,
  element: Element,
): SmallSet<Element> | undefined {
  if (!(set instanceof Set)) return set === element ? undefined : set
  set.delete(element)
  return set.size === 0 ? undefined : set
}
