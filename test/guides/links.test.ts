/** Every link in the documentation leads somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { REPOSITORY } from '../fixtures/repository.ts'

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...readdirSync(new URL('docs/', REPOSITORY), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
]

const textOf = (url: URL): string => readFileSync(url, 'utf8')

/** Headings as GitHub makes anchors of them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/\[(.*?)\]\(.*?\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

for (const page of pages) {
  t.test(page, async (t) => {
    const url = new URL(page, REPOSITORY)
    const text = textOf(url).replace(/^```[\s\S]*?^```$/gm, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue
      const linked = new URL(target!, url)
      t.ok(existsSync(new URL(linked.pathname, linked)), `${target}`)
      if (linked.hash !== '') t.ok(anchorsOf(textOf(linked)).includes(linked.hash.slice(1)), `${target}`)
    }
  })
}

t.test('the index names every page', async (t) => {
  const index = textOf(new URL('docs/README.md', REPOSITORY))
  for (const page of pages.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md')) {
    t.ok(index.includes(`](${page.slice('docs/'.length)})`), page)
  }
})
