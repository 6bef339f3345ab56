/** Whether the application is not done with something when it has returned this. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
}

/** Done when both are; undefined is done. */
export function bothOf(
  first: Promise<unknown> | undefined,
  second: Promise<unknown> | undefined,
): Promise<unknown> | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return Promise.all([first, second])
}
