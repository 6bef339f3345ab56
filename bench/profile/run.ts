/** Profiles the server under a load that ends: with clinic on one thread, or all threads with V8's own profiler. */
import { readOptions } from '../../scripts/read-options.ts'
import { runClinic } from './clinic.ts'
import { parseOptions, USAGE } from './options.ts'
import { profileThreads } from './threads.ts'

const options = readOptions(parseOptions, USAGE)
if (options?.tool === 'shards') await profileThreads(options)
else if (options !== null) await runClinic(options)
