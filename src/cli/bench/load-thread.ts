/** The thread of one part of a load: it opens its connections at once, and begins when it is told to. */
import { type MessagePort, workerData } from 'node:worker_threads'
import { Load } from './load.ts'
import type { LoadCommand, LoadPlan, LoadReport } from './load-plan.ts'

/** Between two reports of how far it is. */
const REPORT_MS = 200

const { plan, port } = workerData as { readonly plan: LoadPlan; readonly port: MessagePort }
const load = new Load(plan)

const report = (message: LoadReport): void => port.postMessage(message)
const timer = setInterval(() => report({ kind: 'progress', open: load.open, verified: load.verified }), REPORT_MS)

port.on('message', (command: LoadCommand) => {
  if (command === 'stop') load.stop()
  else void run()
})
void load.openAll().then(() => report({ kind: 'opened', open: load.open, errors: load.errors }))

async function run(): Promise<void> {
  const result = await load.run()
  clearInterval(timer)
  report({ kind: 'done', result })
  port.close()
}
