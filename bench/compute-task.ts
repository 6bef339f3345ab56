import { createHash } from 'node:crypto'

/** Work for one thread: a chain of hashes. */
export default function hashChain(rounds: number): string {
  let text = ''
  for (let round = 0; round < rounds; round++) text = createHash('sha256').update(text).digest('hex')
  return text
}
