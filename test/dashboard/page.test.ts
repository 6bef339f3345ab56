/** What the dashboard's page shows, in a browser. */
import type { Locator, Page } from 'playwright-core'
import t from 'tap'
import { browserFor, lane, startWatched, visit, WITHOUT_BROWSER } from '../fixtures/dashboard-page.ts'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'

const PHONE = { width: 390, height: 844 }
const NARROW = { width: 320, height: 640 }
const TABLET = { width: 820, height: 1000 }
const WIDE = { width: 1280, height: 800 }
const HOSTILE = '<img src=x onerror="document.title=1">'

const cell = (page: Page, name: string, label: string): Locator => lane(page, name).locator(`[data-label="${label}"]`)
const overflow = (page: Page): Promise<number> => page.evaluate('document.documentElement.scrollWidth - innerWidth')

t.test('the page of the dashboard', { skip: WITHOUT_BROWSER }, async (t) => {
  const browser = await browserFor(t)

  await t.test('nothing yet, then traffic: the lanes and the lists follow', async (t) => {
    const { engine, port } = await startWatched(t, { title: '<b>chat</b>' })
    const { page, errors } = await visit(browser, port)
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
    const { engine, port } = await startWatched(t)
    const early = await visit(browser, port)
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

  await t.test('dark and light, wide and narrow, and every control by keyboard', async (t) => {
    const { engine, port } = await startWatched(t, {
      actions: { reload: true, resize: true, drain: true },
      title: 'W'.repeat(60),
    })
    const { id } = await engine.join()
    engine.server.join(id, 'w'.repeat(255))
    const grounds = new Set<unknown>()
    for (const colorScheme of ['dark', 'light'] as const) {
      const { page, errors } = await visit(browser, port, { colorScheme, viewport: PHONE })
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
