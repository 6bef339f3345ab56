/** The buttons of the dashboard's page, in a browser. */
import t from 'tap'
import { browserFor, lane, startWatched, visit, WITHOUT_BROWSER } from '../fixtures/dashboard-page.ts'

t.test('the buttons of the dashboard ask first, and then do it', { skip: WITHOUT_BROWSER }, async (t) => {
  const browser = await browserFor(t)
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
