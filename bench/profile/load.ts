/** Load for a server that is profiled, for so many seconds, from a process of its own. Arguments: port, work, seconds. */
import { setTimeout as pause } from 'node:timers/promises'
import { Child } from '../harness/child.ts'
import type { LoadCommand, LoadReply } from '../protocol.ts'
import { WORKS } from '../works.ts'

const ANSWER_MS = 10_000

const [port, name, seconds] = process.argv.slice(2)
const work = WORKS.find((each) => each.name === name)
if (work === undefined) throw new Error(`no work ${name}`)
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

const load = new Child<LoadCommand, LoadReply>('load', new URL(`../load/load${extension}`, import.meta.url))
await load.request({ type: 'run', port: Number(port), work }, 'running', ANSWER_MS)
await pause(Number(seconds) * 1000)
const { sample } = await load.request({ type: 'sample', reset: false }, 'sampled', ANSWER_MS)
await load.end()
console.log(`${work.title}: ${Math.round(sample.messages / Number(seconds))} messages a second`)
