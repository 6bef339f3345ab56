/** As much of a `.cpuprofile` as tells where time went. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** Ids of the nodes that were met, in order, and the microseconds before each. */
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface FunctionTime {
  readonly name: string
  /** File and line, empty for what is V8's own. */
  readonly place: string
  readonly selfMs: number
}

/** Not at work: V8's name for a thread that waits. */
const IDLE = '(idle)'

export interface ThreadTime {
  /** All functions, those with the most time of their own first. */
  readonly functions: readonly FunctionTime[]
  /** What they add up to: the thread was at work that long. */
  readonly busyMs: number
  readonly idleMs: number
}

/** How long each function itself ran, without those it called. The same function called from two places counts once. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, root: string): ThreadTime {
  const keys = new Map(nodes.map(({ id, callFrame }) => [id, keyOf(callFrame, root)]))
  const micros = new Map<string, number>()
  samples.forEach((id, index) => {
    const key = keys.get(id)
    if (key !== undefined) micros.set(key, (micros.get(key) ?? 0) + (timeDeltas[index] ?? 0))
  })
  const all = [...micros].map(([key, self]): FunctionTime => {
    const [name = '', place = ''] = key.split('\n')
    return { name, place, selfMs: self / 1000 }
  })
  const functions = all.filter(({ name }) => name !== IDLE).sort((one, other) => other.selfMs - one.selfMs)
  return {
    functions,
    busyMs: functions.reduce((sum, { selfMs }) => sum + selfMs, 0),
    idleMs: all.find(({ name }) => name === IDLE)?.selfMs ?? 0,
  }
}

function keyOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame'], root: string): string {
  const place = url === '' ? '' : `${url.startsWith(root) ? url.slice(root.length) : url}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}\n${place}`
}
