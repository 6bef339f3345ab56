import { ACTIONS_SCRIPT } from './actions.ts'
import { CHARTS_SCRIPT } from './charts.ts'
import { ELEMENTS_SCRIPT } from './elements.ts'
import { FORMAT_SCRIPT } from './format.ts'
import { LANES_SCRIPT } from './lanes.ts'
import { LISTS_SCRIPT } from './lists.ts'
import { LIVE_SCRIPT } from './live.ts'

/** All that runs in the page. It is text here because browsers run it and tsc is the whole build. */
export const SCRIPT = `'use strict'
;(() => {
${FORMAT_SCRIPT}${ELEMENTS_SCRIPT}${CHARTS_SCRIPT}${LANES_SCRIPT}${LISTS_SCRIPT}${ACTIONS_SCRIPT}${LIVE_SCRIPT}
listen()
})()
`
