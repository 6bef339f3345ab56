/** The demo's page in a browser, with two people in it. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import t from 'tap'
import { findChromium, launchChromium } from '../fixtures/browser.ts'
import { DemoProcess } from '../fixtures/demo-process.ts'

const SMALLEST_VIEWPORT = { width: 360, height: 640 }

/** Somebody's window, and what must not happen in it. */
interface Visitor {
  readonly page: Page
  readonly errors: string[]
  /** WebSockets that the page has opened. */
  readonly sockets: () => number
}

async function visit(browser: Browser, port: number, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors: string[] = []
  let sockets = 0
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('websocket', () => sockets++)
  await page.goto(`http://127.0.0.1:${port}/`)
  return { page, errors, sockets: () => sockets }
}

async function join(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Join the chat' }).click()
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text)
  await page.getByLabel('Message').press('Enter')
}

const isConnected = (page: Page): Promise<void> => page.getByText('connected', { exact: true }).waitFor()
const conversation = (page: Page): Locator => page.getByRole('log')
const entry = (page: Page, name: string): Locator => page.locator('#people li').filter({ hasText: name })
const badge = (page: Page, name: string): Promise<string | null> => entry(page, name).locator('.badge').textContent()

const chromium = findChromium()
const skip = chromium === undefined && 'NO BROWSER: install Chromium or set CHROMIUM_PATH to test the page of the demo'

t.test('the page of the demo', { skip }, async (t) => {
  const demo = new DemoProcess()
  t.teardown(() => demo.end('SIGKILL'))
  const port = await demo.port
  const browser = await launchChromium(chromium ?? '')
  t.teardown(() => browser.close())
  const ada = await visit(browser, port, { colorScheme: 'dark' })
  const grace = await visit(browser, port, { colorScheme: 'light' })

  await t.test('a name that the server refuses is asked for again', async (t) => {
    await join(ada.page, '\u200b')
    t.match(await ada.page.getByRole('alert').filter({ hasText: 'server' }).textContent(), /1 to 24 characters/)
  })

  await t.test('two people see each other, and which shard holds whom', async (t) => {
    await join(ada.page, 'Ada')
    await isConnected(ada.page)
    await join(grace.page, '<i>Grace</i>')
    await isConnected(grace.page)
    await entry(ada.page, '<i>Grace</i>').waitFor()
    for (const name of ['Ada', '<i>Grace</i>']) {
      t.match(await badge(ada.page, name), /^shard \d$/)
      t.equal(await badge(ada.page, name), await badge(grace.page, name))
    }
    t.not(await badge(ada.page, 'Ada'), await badge(ada.page, '<i>Grace</i>'))
  })

  await t.test('both talk, and what they write stays text', async (t) => {
    await say(ada.page, '<b>bold</b> &amp; <img src=x onerror=alert(1)>')
    await conversation(grace.page)
      .getByText('<b>bold</b> &amp; <img src=x onerror=alert(1)>', { exact: true })
      .waitFor()
    await say(grace.page, 'Hello, Ada.')
    await conversation(ada.page).getByText('Hello, Ada.').waitFor()
    for (const { page } of [ada, grace]) t.equal(await page.locator(':is(#log, #people) :is(b, i, img)').count(), 0)
    t.match(await ada.page.locator('#latency').textContent(), /^\d+(\.\d)? m?s$/)
  })

  await t.test('blocking the main thread disconnects nobody', async (t) => {
    await ada.page.getByRole('button', { name: 'Block the main thread' }).click()
    await grace.page.getByText('Ada has blocked the main thread').waitFor()
    // The round trip is overdue: main is blocked now.
    await grace.page.locator('#latency.waiting', { hasText: /^\d+ ms|^1\.\d s/ }).waitFor()
    await say(grace.page, 'Said to a blocked thread.')
    await grace.page.locator('.message.waiting').waitFor()
    await grace.page.getByText('heartbeat from 2 of 2 people').waitFor()
    await conversation(ada.page).getByText('Said to a blocked thread.').waitFor()
    t.match(await grace.page.locator('.message').last().textContent(), /waited \d\.\d s/)
    for (const { page, sockets } of [ada, grace]) {
      await isConnected(page)
      t.equal(await page.getByText('connection was lost').count(), 0)
      t.equal(sockets(), 1, 'it is the same connection as before')
    }
  })

  await t.test('it fits a small screen', async (t) => {
    const small = await visit(browser, port, { viewport: SMALLEST_VIEWPORT })
    const overflow = (): Promise<number> => small.page.evaluate('document.documentElement.scrollWidth - innerWidth')
    t.equal(await overflow(), 0)
    await join(small.page, 'W'.repeat(24))
    await isConnected(small.page)
    await say(small.page, 'w'.repeat(500))
    await small.page.locator('.message:not(.waiting)', { hasText: 'w'.repeat(500) }).waitFor()
    t.equal(await overflow(), 0)
    await small.page.getByText('3 people on').click()
    t.equal(await overflow(), 0)
    await small.page.context().close()
    await conversation(ada.page)
      .getByText(`${'W'.repeat(24)} left.`)
      .waitFor()
  })

  await t.test('who leaves is gone from the list', async (t) => {
    await grace.page.context().close()
    await conversation(ada.page).getByText('<i>Grace</i> left.').waitFor()
    t.equal(await entry(ada.page, '<i>Grace</i>').count(), 0)
  })

  await t.test('SIGTERM ends the server, and the page comes back to the next one', async (t) => {
    t.match(await demo.end('SIGTERM'), { code: 0, signal: null })
    await ada.page.getByText('The server cannot be reached.').waitFor()
    t.ok(await ada.page.getByRole('button', { name: 'Send' }).isDisabled())
    const next = new DemoProcess(String(port))
    t.teardown(() => next.end('SIGKILL'))
    t.equal(await next.port, port)
    await conversation(ada.page).getByText('Connected again.').waitFor()
    await isConnected(ada.page)
    t.match(await badge(ada.page, 'Ada'), /^shard \d$/)
    await say(ada.page, 'Back again.')
    await ada.page.locator('.message:not(.waiting)', { hasText: 'Back again.' }).waitFor()
  })

  t.same([...ada.errors, ...grace.errors], [], 'no script has failed')
})
