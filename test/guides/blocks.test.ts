/** Every block of JavaScript in the documentation, also those that are too short to be run: names in it exist. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { WebSocketServer } from '../../src/index.ts'
import { OPTION_NAMES } from '../../src/main/resolve-options.ts'
import { codeBlocks } from '../fixtures/code-blocks.ts'
import { DIST, REPOSITORY } from '../fixtures/repository.ts'

const { exports } = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8')) as {
  exports: Record<string, { default?: string }>
}
const pages = [
  'README.md',
  ...readdirSync(new URL('docs/', REPOSITORY), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
]

/** What is wrong with the names of a block. */
async function mistakesIn(code: string, server: WebSocketServer): Promise<string[]> {
  const mistakes: string[] = []
  const { diagnostics = [] } = ts.transpileModule(code, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  })
  for (const { messageText } of diagnostics) mistakes.push(ts.flattenDiagnosticMessageText(messageText, ' '))
  const source = ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022, true)
  const imports: [specifier: string, names: string[]][] = []
  /** Other servers have names of their own. */
  const isOurs = !/from '(?:ws|shardws\/(?:handler|nextrush|verb).*)'/.test(code)

  function visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings
      const names =
        bindings && ts.isNamedImports(bindings)
          ? bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
          : []
      imports.push([node.moduleSpecifier.text, names])
    }
    if (isOurs && ts.isNewExpression(node) && node.expression.getText() === 'WebSocketServer') {
      const [options] = node.arguments ?? []
      if (options && ts.isObjectLiteralExpression(options)) {
        for (const { name } of options.properties) {
          if (name && !OPTION_NAMES.includes(name.getText() as never))
            mistakes.push(`there is no option ${name.getText()}`)
        }
      }
    }
    if (
      isOurs &&
      ts.isPropertyAccessExpression(node) &&
      node.expression.getText() === 'server' &&
      !(node.name.text in server)
    ) {
      mistakes.push(`there is no server.${node.name.text}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  for (const [specifier, names] of imports) {
    if (!specifier.startsWith('shardws')) continue
    const path = exports[specifier.replace('shardws', '.')]?.default
    if (path === undefined) mistakes.push(`there is no ${specifier}`)
    else {
      const module: object = await import(new URL(path.replace('./dist/', ''), DIST).href)
      for (const name of names) if (!(name in module)) mistakes.push(`${specifier} has no ${name}`)
    }
  }
  return mistakes
}

const server = new WebSocketServer({ shards: 0 })
t.teardown(() => server.shutdown())

for (const page of pages) {
  t.test(page, async (t) => {
    for (const code of codeBlocks(readFileSync(new URL(page, REPOSITORY), 'utf8'), 'js|ts')) {
      t.same(await mistakesIn(code, server), [], code.split('\n').slice(0, 3).join(' / '))
    }
  })
}

t.test('mistakes are found', async (t) => {
  const block = `import { WebSocketServer, WebSocketSever } from 'shardws'
    import { x } from 'shardws/nothing'
    const server = new WebSocketServer({ shard: 1 })
    server.publisch('x')`
  t.same(await mistakesIn(block, server), [
    'there is no option shard',
    'there is no server.publisch',
    'shardws has no WebSocketSever',
    'there is no shardws/nothing',
  ])
  t.not((await mistakesIn('const x = {', server)).length, 0)
})
