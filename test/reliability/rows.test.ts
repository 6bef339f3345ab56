import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { REPOSITORY } from '../fixtures/repository.ts'
import { ELSEWHERE, NOT_YET, ROWS } from './rows.ts'

const TESTS = new URL('test/', REPOSITORY)
/** A title: the numbers of one row or several, then what is tested. */
const TITLE = /['"`]row ((?:\d+ )*\d+): /g

const sources = new Map(
  readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, readFileSync(new URL(path, TESTS), 'utf8')]),
)
const proved = new Set(
  [...sources.values()].flatMap((text) =>
    [...text.matchAll(TITLE)].flatMap(([, rows = '']) => rows.split(' ').map(Number)),
  ),
)

t.test('every row of the fault catalogue but classes S, R and D has a test that carries its number', async (t) => {
  t.same(
    ROWS.filter((row) => !proved.has(row) && !(row in NOT_YET)),
    [],
    'without a test',
  )
  t.same(
    Object.keys(NOT_YET).filter((row) => proved.has(Number(row))),
    [],
    'has a test by now: strike it off the list',
  )
})

t.test('the tests that prove a part of a row under another name are there', async (t) => {
  t.same(
    ELSEWHERE.filter(([row, file, title]) => !ROWS.includes(row) || !sources.get(file)?.includes(title)),
    [],
  )
})
