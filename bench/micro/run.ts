import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Each file in a process of its own: what V8 learnt from one benchmark must not shape the next.
// Arguments choose files by the beginning of their names.
const chosen = process.argv.slice(2)
const files = readdirSync(new URL('.', import.meta.url)).filter((file) => /\.bench\.[jt]s$/.test(file))
for (const file of files.sort()) {
  if (chosen.length > 0 && !chosen.some((name) => file.startsWith(name))) continue
  console.log(`# ${file}`)
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
