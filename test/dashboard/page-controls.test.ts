/** The buttons of the dashboard's page, and a server that goes away, in a browser. */
import t from 'tap'
import {
  browserFor,
  end,
  isLive,
  lane,
  listen,
  startWatched,
  visit,
  WITHOUT_BROWSER,
} from '../fixtures/dashboard-page.ts'

t.test('the controls of the dashboard', { skip: WITHOUT_BROWSER }, async (t) => {
  const browser = await browserFor(t)

  await t.test('the buttons ask first, and then do it', async (t) => {
    const { engine, port } = await startWatched(t, {
      actions: { reload: true, resize: true, drain: { deadlineMs: 500 } },
    })
    const { page, errors } = await visit(browser, port)
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
    let isOperator = true
    const { handler, http, port } = await startWatched(t, { authorize: () => isOperator })
    const { page } = await visit(browser, port)
    end(http)
    await page.getByText('No news from the server since').waitFor()
    await page.locator('#link', { hasText: 'reconnecting' }).waitFor()
    await page.locator('#health', { hasText: /^was / }).waitFor()
    const next = await listen(t, handler, port)
    await isLive(page)
    await page.getByText('No news from the server since').waitFor({ state: 'hidden' })
    isOperator = false
    next.http.closeAllConnections()
    await page.getByText('This page is not let in any more.').waitFor()
    isOperator = true
    await isLive(page)
    await page.getByText('This page is not let in any more.').waitFor({ state: 'hidden' })
    await page.context().close()
  })
})
