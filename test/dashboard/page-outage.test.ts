/** The dashboard's page when its server goes away, in a browser. */
import t from 'tap'
import { browserFor, end, isLive, listen, startWatched, visit, WITHOUT_BROWSER } from '../fixtures/dashboard-page.ts'

t.test('the page of a server that goes away and comes back', { skip: WITHOUT_BROWSER }, async (t) => {
  const browser = await browserFor(t)
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
