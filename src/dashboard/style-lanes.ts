/** Tables: the lanes of the shards, and the lists. On a narrow screen a lane becomes a card of named figures. */
export const LANE_STYLE = `
table { width: 100%; border-collapse: collapse; }
th { font-weight: 400; color: var(--quiet); text-align: left; vertical-align: bottom; padding: 0.25rem 0.75rem 0.375rem 0; line-height: 1.25; }
td, tbody th { padding: 0.375rem 0.75rem 0.375rem 0; border-top: 1px solid var(--line); vertical-align: middle; color: inherit; }
td:last-child, th:last-child { padding-right: 0; }
.num { text-align: right; white-space: nowrap; }
.name { overflow-wrap: anywhere; }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.mono { font-family: var(--mono); font-size: 0.8125rem; }
.meaning { display: block; color: var(--quiet); font-size: 0.8125rem; overflow-wrap: anywhere; }
.meaning.mono { font-size: 0.75rem; }
.zero { color: var(--quiet); }

.lane { --thread: var(--ink); }
.lane[data-thread="0"] { --thread: var(--t0); } .lane[data-thread="1"] { --thread: var(--t1); }
.lane[data-thread="2"] { --thread: var(--t2); } .lane[data-thread="3"] { --thread: var(--t3); }
.lane[data-thread="4"] { --thread: var(--t4); } .lane[data-thread="5"] { --thread: var(--t5); }
.lane[data-thread="6"] { --thread: var(--t6); } .lane[data-thread="7"] { --thread: var(--t7); }
.lanes .who { white-space: nowrap; }
.lanes .who b { font: 600 0.8125rem var(--mono); color: var(--thread); }
.lanes .who span { color: var(--quiet); margin-left: 0.25rem; }
.lanes .who span.alarm { color: var(--alarm); font-weight: 600; }
.lanes svg { display: block; width: 100%; min-width: 6rem; height: 1.625rem; }
.lanes svg path { stroke: var(--thread); }
.lanes svg .area { fill: var(--thread); stroke: none; }
.lanes svg .thread { stroke-width: 1; stroke-opacity: 0.55; }
.lanes .spark { width: 18%; }
.meter { display: inline-block; vertical-align: middle; width: 3rem; height: 0.375rem; margin-right: 0.5rem; border-radius: 0.2rem; overflow: hidden; background: color-mix(in srgb, var(--ink) 12%, transparent); }
.meter::before { content: ""; display: block; height: 100%; width: calc(100% * var(--share, 0)); background: var(--thread); }
.num .meter + span { display: inline-block; min-width: 2.9rem; text-align: right; }
.high .meter::before { background: var(--alarm); }
.high { color: var(--alarm); }
.chip { font: 600 0.8125rem var(--mono); color: var(--thread); white-space: nowrap; }

@media (max-width: 30rem) {
  th, td, tbody th { padding-right: 0.5rem; }
  thead .num { white-space: normal; }
}
@media (max-width: 68rem) {
  .lanes thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .lanes table, .lanes tbody { display: block; }
  .lanes tr { display: grid; gap: 0.375rem 0.75rem; padding: 0.625rem 0; border-top: 1px solid var(--line); grid-template-columns: repeat(auto-fill, minmax(5.25rem, 1fr)); }
  .lanes tbody th, .lanes td { display: block; border: 0; padding: 0; text-align: left; }
  .lanes .who { grid-column: 1 / span 2; }
  .lanes .spark { grid-column: 3 / -1; width: auto; }
  .lanes [data-thread=""] .who { grid-column: 1 / -1; }
  .lanes td[data-label]::before { content: attr(data-label); display: block; color: var(--quiet); font-size: 0.75rem; }
  .lanes td.none { display: none; }
}
`
