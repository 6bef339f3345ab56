import { LANE_STYLE } from './style-lanes.ts'

/** Threads on linen, as the demo: each shard is a thread of one colour. Calm while all is well; only what is wrong is red. */
const THEME_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f1ede4; --sheet: #fbf9f4; --ink: #23262b; --quiet: #63615a; --line: #ddd6c7;
  --strong: #1f4a4d; --good: #2c7a55; --warn: #8a5a00; --alarm: #a3382a; --on-alarm: #fbf9f4;
  --first: #1c7a6c; --second: #b4621a;
  --t0: #b4621a; --t1: #1c7a6c; --t2: #5b52b5; --t3: #b03a68; --t4: #2b6cb0; --t5: #66741a; --t6: #8a4f9e; --t7: #7a5a3a;
  --serif: "Iowan Old Style", "Charter", "Palatino Linotype", "Liberation Serif", serif;
  --sans: "Avenir Next", "Segoe UI", "Liberation Sans", "Helvetica Neue", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171a; --sheet: #1c1f23; --ink: #ece7db; --quiet: #a5a093; --line: #32363c;
    --strong: #a9d4cd; --good: #7fcfa6; --warn: #e3b35a; --alarm: #f0917f; --on-alarm: #15171a;
    --first: #6fc7b7; --second: #e8a25c;
    --t0: #e8a25c; --t1: #6fc7b7; --t2: #aba4f0; --t3: #f08fb4; --t4: #85b8ee; --t5: #bccb64; --t6: #d3a0e4; --t7: #d0ae8a;
  }
}
*, ::before, ::after { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
html { font: 0.9375rem/1.45 var(--sans); color: var(--ink); background: var(--ground); -webkit-text-size-adjust: 100%; }
body { max-width: 84rem; margin: 0 auto; padding: 0 1rem 2rem; font-variant-numeric: tabular-nums; }
h1, h2 { font: 600 1.0625rem/1.3 var(--serif); }
:focus-visible { outline: 2px solid var(--strong); outline-offset: 2px; }
button, input { font: inherit; color: inherit; background: none; border: 1px solid var(--quiet); border-radius: 0.4rem; min-height: 2.25rem; padding: 0 0.8rem; }
button { cursor: pointer; font-weight: 600; }
button:hover:enabled { background: color-mix(in srgb, var(--ink) 7%, transparent); }
button:disabled { opacity: 0.5; cursor: default; }
button.danger { color: var(--alarm); border-color: currentColor; }
button[aria-pressed="true"] { background: var(--ink); color: var(--ground); border-color: var(--ink); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.quiet { color: var(--quiet); }
.alarm { color: var(--alarm); }
.empty { color: var(--quiet); padding: 0.25rem 0 0.5rem; }
`

const FRAME_STYLE = `
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.375rem 1.25rem; padding: 0.875rem 0; }
.bar h1 { font-size: 1.25rem; margin-right: auto; overflow-wrap: anywhere; }
.bar h1 span { font: 400 0.9375rem var(--sans); color: var(--quiet); margin-left: 0.5rem; }
.bar p { display: flex; align-items: baseline; gap: 0.45rem; min-width: 0; }
.bar .dot::before { align-self: center; }
.dot::before { content: ""; flex: none; width: 0.625rem; height: 0.625rem; border-radius: 50%; border: 2px solid var(--quiet); }
[data-status="healthy"] #health::before { background: var(--good); border-color: var(--good); }
[data-status="degraded"] #health, [data-status="draining"] #health { color: var(--warn); }
[data-status="degraded"] #health::before, [data-status="draining"] #health::before { background: var(--warn); border-color: var(--warn); }
[data-status="unhealthy"] #health { color: var(--alarm); }
[data-status="unhealthy"] #health::before { border-color: var(--alarm); }
#link { color: var(--quiet); }
[data-link="lost"] #health, [data-link="ended"] #health { color: var(--quiet); }
[data-link="lost"] #health::before, [data-link="ended"] #health::before { background: none; border-color: var(--quiet); }
[data-link="lost"] #link, [data-link="ended"] #link { color: var(--alarm); }
.notice { border: 1px solid currentColor; border-radius: 0.4rem; padding: 0.625rem 0.875rem; margin-bottom: 0.75rem; color: var(--alarm); }
[data-link="lost"] main, [data-link="ended"] main { opacity: 0.6; }
.card { background: var(--sheet); border: 1px solid var(--line); border-radius: 0.5rem; min-width: 0; }
main { display: grid; gap: 0.75rem; grid-template-columns: minmax(0, 1fr); }
.charts { display: grid; gap: 0.75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 10.25rem), 1fr)); }
.chart { display: grid; grid-template: auto 1fr auto auto / minmax(0, 1fr); overflow: hidden; }
.chart figcaption { padding: 0.625rem 0.875rem 0; color: var(--quiet); }
.chart dl { padding: 0 0.875rem 0.5rem; }
.chart dl div { display: flex; align-items: baseline; gap: 0.35rem; flex-direction: row-reverse; justify-content: flex-end; }
.chart dd { font-size: 1.125rem; font-weight: 600; letter-spacing: -0.01em; line-height: 1.4; white-space: nowrap; }
.chart dt { color: var(--quiet); white-space: nowrap; }
.chart .key::before { content: ""; display: inline-block; width: 0.75rem; height: 3px; border-radius: 2px; margin-right: 0.35rem; vertical-align: middle; background: var(--first); }
.chart .key.second::before { background: var(--second); }
.chart svg { display: block; width: 100%; height: 4.5rem; border-bottom: 1px solid var(--line); }
.chart .axis { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 0.5rem; padding: 0.2rem 0.875rem 0.4rem; color: var(--quiet); font-size: 0.75rem; white-space: nowrap; }
svg path { fill: none; stroke-width: 1.75; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
svg .first { stroke: var(--first); }
svg .second { stroke: var(--second); }
svg .area { stroke: none; fill: var(--first); fill-opacity: 0.13; }
.columns { display: grid; gap: 0.75rem; align-items: start; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.column { display: grid; gap: 0.75rem; min-width: 0; }
.panel { padding: 0.75rem 0.875rem; }
.panel header { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.75rem; margin-bottom: 0.375rem; }
.panel h2 { margin-right: auto; }
.panel h2 span { font: 400 0.9375rem var(--sans); color: var(--quiet); margin-left: 0.35rem; }
.facts { display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
.facts div { display: flex; justify-content: space-between; gap: 1rem; padding: 0.2rem 0; border-bottom: 1px solid var(--line); }
.facts dt { color: var(--quiet); }
.facts dd { white-space: nowrap; }
.tools { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
.tools input { width: 4.5rem; padding-right: 0.25rem; }
.outcome { flex-basis: 100%; }
.outcome:empty { display: none; }
dialog { margin: auto; max-width: min(30rem, calc(100vw - 2rem)); color: inherit; background: var(--sheet); border: 1px solid var(--line); border-radius: 0.5rem; padding: 1.25rem; }
dialog::backdrop { background: rgb(0 0 0 / 0.45); }
dialog p { margin: 0.5rem 0 1rem; }
dialog div { display: flex; justify-content: flex-end; gap: 0.5rem; }
@media (min-width: 78rem) {
  .chart dl { display: flex; flex-wrap: wrap; gap: 0 1rem; }
}
@media (max-width: 30rem) {
  .bar h1 { flex-basis: 100%; }
  .bar button { margin-left: auto; }
}
`

export const STYLE = `${THEME_STYLE}${FRAME_STYLE}${LANE_STYLE}`
