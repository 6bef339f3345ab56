import { fileURLToPath } from 'node:url'

/** A module of this folder for another process: `.ts` in the sources, `.js` when built. */
export function moduleFile(name: string): string {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return fileURLToPath(new URL(`./${name}${extension}`, import.meta.url))
}
