import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { loadExpress } from '../../src/facades/express.ts'

const SOURCES = ['facades/express.js', 'main/peer-dependency.js', 'shared/errors.js']

/** Our loader in a project of its own, where `express` is what the test says. Outside of the repository, which has one. */
function project(t: Test, express: Readonly<Record<string, string>>): Promise<{ loadExpress(): unknown }> {
  const folder = mkdtempSync(join(tmpdir(), 'shardws-express-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  write('package.json', '{ "type": "module" }')
  for (const path of SOURCES) {
    write(path, readFileSync(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)), 'utf8'))
  }
  for (const [path, text] of Object.entries(express)) write(`node_modules/express/${path}`, text)
  return import(pathToFileURL(join(folder, 'facades/express.js')).href)
}

t.test('Express is there', async (t) => {
  const express = loadExpress()
  t.type(express(), 'function')
  t.type(express.json, 'function')
})

t.test('without Express the message is what to type', async (t) => {
  const { loadExpress } = await project(t, {})
  t.throws(() => loadExpress(), {
    code: 'EXPRESS_MISSING',
    message: 'Express is not installed: npm install express',
    cause: { code: 'MODULE_NOT_FOUND' },
  })
})

t.test('an Express that is too old', async (t) => {
  const { loadExpress } = await project(t, { 'package.json': '{ "version": "4.21.2" }', 'index.js': '' })
  t.throws(() => loadExpress(), { code: 'EXPRESS_MISSING', message: /4\.21\.2 is installed: npm install express@5$/ })
})

t.test('an Express that does not load says so itself', async (t) => {
  const { loadExpress } = await project(t, {
    'package.json': '{ "version": "5.0.0" }',
    'index.js': 'throw new TypeError("broken")',
  })
  t.throws(() => loadExpress(), new TypeError('broken'))
})
