/** The dashboard's page in a browser. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { dashboardHandler } from '../../src/dashboard/dashboard.ts'
import { findChromium, launchChromium } from '../fixtures/browser.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const SAMPLE_MS = 100
const PHONE = { width: 390, height: 844 }
const NARROW = { width: 320, height: 640 }
const TABLET = { width: 820, height: 1000 }
const WIDE = { width: 1280, height: 800 }
const HOSTILE = '<img src=x onerror="document.title=1">'

/** Somebody's window, and what must not happen in it. */
interface Visitor {
  readonly page: Page
  /** Scripts that fail, what the console says, and what the policy of the page has forbidden. */
  readonly errors: string[]
}

async function listen(handler: Parameters<typeof createServer>[1], port = 0): Promise<{ http: Server; port: number }> {
  const http = createServer(handler)
  await once(http.listen(port, '127.0.0.1'), 'listening')
  return { http, port: (http.address() as AddressInfo).port }
}

function end(http: Server): void {
  http.closeAllConnections()
  http.close()
}

async function visit(browser: Browser, port: number, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => errors.push(message.text()))
  await page.goto(`http://localhost:${port}/ops?token=7#part`)
  return { page, errors }
}

const isLive = (page: Page): Promise<void> => page.locator('#link', { hasText: /^live$/ }).waitFor()
const lane = (page: Page, name: string): Locator => page.getByRole('row', { name: new RegExp(`^${name} `) })
const cell = (page: Page, name: string, label: string): Locator => lane(page, name).locator(`[data-label="${label}"]`)
const overflow = (page: Page): Promise<number> => page.evaluate('document.documentElement.scrollWidth - innerWidth')

const chromium = findChromium()
const skip = chromium === undefined && 'NO BROWSER: install Chromium or set CHROMIUM_PATH to test the dashboard'

async function start(t: Test, options: Parameters<typeof dashboardHandler>[1] = {}) {
  const engine = await EngineUnderTest.start(t, { shards: 2, placement: 'round-robin' })
  const handler = dashboardHandler(engine.server, { sampleMs: SAMPLE_MS, logger: new RecordingLogger(), ...options })
  const { http, port } = await listen(handler)
  t.teardown(() => end(http))
  return { engine, handler, http, port }
}

t.test('the page of the dashboard', { skip }, async (t) => {
  const browser = await launchChromium(chromium ?? '')
  t.teardown(() => browser.close())

  await t.test('nothing yet, then traffic: the lanes and the lists follow', async (t) => {
    const { engine, port } = await start(t, { title: '<b>chat</b>' })
    const { page, errors } = await visit(browser, port)
    await isLive(page)
    t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'shardws<b>chat</b>')
    for (const text of ['No rooms.', 'Nobody is behind', 'Nothing was refused']) await page.getByText(text).waitFor()
    t.equal(await cell(page, 'shard 0', 'Connections').textContent(), '0')
    const joined = await engine.joinMany(3)
    await cell(page, 'shard 0', 'Connections').filter({ hasText: /^2$/ }).waitFor()
    await cell(page, 'shard 1', 'Connections').filter({ hasText: /^1$/ }).waitFor()
    await page.locator('#connections-open', { hasText: /^3$/ }).waitFor()
    const [first] = joined
    const talk = setInterval(() => {
      sendText(first!.client, 'hello')
      engine.server.send(first!.id, 'hello you')
    }, 5)
    t.teardown(() => clearInterval(talk))
    const { shard } = first!.peer
    for (const label of ['Messages in', 'Messages out']) {
      await cell(page, `shard ${shard}`, label)
        .filter({ hasText: /^[1-9]\d*(\.\d)?\/s$/ })
        .waitFor()
    }
    await page.locator('#messages-in', { hasText: /^[1-9]/ }).waitFor()
    await nextText(first!.client)
    clearInterval(talk)
    t.match(
      await page.locator('#chart-messages svg').getAttribute('aria-label'),
      /^Messages a second: now in .+; highest /,
    )
    t.match(await page.locator('#chart-messages path.first').getAttribute('d'), /^M[\d.]+ [\d.]+L/)
    t.match(await cell(page, 'main', 'Busy').textContent(), /^\d+ %$/)

    engine.server.join(first!.id, HOSTILE)
    engine.server.join(first!.id, 'turned\u202eround')
    await page.getByRole('cell', { name: HOSTILE, exact: true }).waitFor()
    await page.getByRole('cell', { name: 'turned\\u{202e}round', exact: true }).waitFor()
    t.equal(await page.locator('main img').count(), 0)

    await engine.statusOf({ headers: { 'Sec-WebSocket-Version': '7' } })
    await page.getByRole('row', { name: /handshake refused.*UPGRADE_REQUIRED \+1 1$/ }).waitFor()

    const { client, id } = joined[1]!
    client.pause()
    for (let count = 0; count < 8; count++) engine.server.send(id, Buffer.alloc(1024 * 1024))
    await page.locator('#queues tr', { hasText: id }).filter({ hasText: 'MiB' }).waitFor()
    client.destroy()
    await page.getByText('Nobody is behind').waitFor()
    t.same(errors, [])
    await page.context().close()
  })

  await t.test('a page that is opened later shows the past; one that is paused stands still', async (t) => {
    const { engine, port } = await start(t)
    const early = await visit(browser, port)
    await isLive(early.page)
    await early.page.getByRole('button', { name: 'Pause' }).click()
    await early.page.locator('#link', { hasText: 'paused' }).waitFor()
    await engine.join()
    const { page, errors } = await visit(browser, port)
    await page.locator('#connections-open', { hasText: /^1$/ }).waitFor()
    t.ok(((await page.locator('#chart-connections path.first').getAttribute('d')) ?? '').split('L').length > 3)
    t.equal(await early.page.locator('#connections-open').textContent(), '0')
    await early.page.getByRole('button', { name: 'Pause' }).click()
    await early.page.locator('#connections-open', { hasText: /^1$/ }).waitFor()
    t.same([...early.errors, ...errors], [])
    for (const visitor of [early.page, page]) await visitor.context().close()
  })

  await t.test('the buttons ask first, and then do it', async (t) => {
    const { engine, port } = await start(t, { actions: { reload: true, resize: true, drain: { deadlineMs: 500 } } })
    const { page, errors } = await visit(browser, port)
    await isLive(page)
    const { server } = engine
    const confirm = async (question: RegExp, answer: string): Promise<void> => {
      const dialog = page.getByRole('dialog', { name: question })
      await dialog.waitFor()
      await dialog.getByRole('button', { name: answer }).click()
    }
    await page.getByLabel('Number of shards').fill('3')
    await page.getByLabel('Number of shards').press('Enter')
    await confirm(/Change the number/, 'Cancel')
    t.equal(server.stats().shards.length, 2)
    await page.getByRole('button', { name: 'Resize' }).click()
    await confirm(/Change the number/, 'Resize')
    await page.getByText('There are 3 shards').waitFor()
    await lane(page, 'shard 2').waitFor()
    t.equal(server.stats().shards.length, 3)

    await page.getByRole('button', { name: 'Reload' }).focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Reload' }).click()
    await confirm(/Reload every shard/, 'Reload')
    await page.getByText('Every shard is new').waitFor()
    t.same(errors, [])

    await engine.join()
    await page.locator('#connections-open', { hasText: /^1$/ }).waitFor()
    await page.getByRole('button', { name: 'Drain' }).click()
    await confirm(/Drain this server/, 'Drain')
    await page.getByText('The server has been shut down.').waitFor()
    await page.locator('#link', { hasText: 'shut down' }).waitFor()
    t.ok(await page.getByRole('button', { name: 'Reload' }).isDisabled())
    await page.context().close()
  })

  await t.test('a server that goes away and comes back', async (t) => {
    const { handler, http, port } = await start(t)
    const { page } = await visit(browser, port)
    await isLive(page)
    end(http)
    await page.getByText('No news from the server for').waitFor()
    await page.locator('#link', { hasText: 'reconnecting' }).waitFor()
    await page.locator('#health', { hasText: /^was / }).waitFor()
    const next = await listen(handler, port)
    t.teardown(() => end(next.http))
    await isLive(page)
    await page.getByText('No news from the server for').waitFor({ state: 'hidden' })
    await page.context().close()
  })

  await t.test('dark and light, wide and narrow, and every control by keyboard', async (t) => {
    const { engine, port } = await start(t, {
      actions: { reload: true, resize: true, drain: true },
      title: 'W'.repeat(60),
    })
    const { id } = await engine.join()
    engine.server.join(id, 'w'.repeat(255))
    const grounds = new Set<unknown>()
    for (const colorScheme of ['dark', 'light'] as const) {
      const { page, errors } = await visit(browser, port, { colorScheme, viewport: PHONE })
      await isLive(page)
      await page.getByRole('cell', { name: 'www' }).first().waitFor()
      const reached: unknown[] = []
      for (let count = 0; count < 5; count++) {
        await page.keyboard.press('Tab')
        reached.push(await page.evaluate('document.activeElement.textContent || document.activeElement.id'))
      }
      t.same(reached, ['Pause', 'Reload', 'shards', 'Resize', 'Drain'])
      t.equal(await lane(page, 'shard 0').count(), 1, 'a lane that looks like a card is a row for screen readers')
      for (const viewport of [PHONE, NARROW, TABLET, WIDE]) {
        await page.setViewportSize(viewport)
        t.equal(await overflow(page), 0, `${colorScheme}, ${viewport.width} px`)
      }
      grounds.add(await page.evaluate('getComputedStyle(document.documentElement).backgroundColor'))
      t.same(errors, [])
      await page.context().close()
    }
    t.equal(grounds.size, 2)
  })
})
