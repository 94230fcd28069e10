import { sheetOf } from '../shared/sheet.ts'

export const searchSheet = sheetOf(`
form { display: grid; grid-template-columns: minmax(0, 1fr); grid-auto-flow: column; grid-auto-columns: auto; gap: 8px; }
input[type="search"] {
  min-width: 0; min-height: 44px; padding: 8px 12px; border: 1px solid var(--edge);
  border-radius: calc(var(--radius) * 0.7); background: var(--surface); color: var(--text); font: inherit;
}
input::placeholder { color: var(--quiet); opacity: 1; }
.frame[data-over] { outline: 2px dashed var(--text); outline-offset: 4px; }
.results { display: grid; gap: 10px; list-style: none; }
.results:focus-visible { outline-offset: 4px; }
.result {
  display: grid; gap: 8px; padding: 12px 14px;
  border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface);
}
.result[data-chosen] { border-color: var(--text); }
.text { min-width: 0; overflow-wrap: anywhere; }
mark { background: none; color: inherit; font-weight: 700; text-decoration: underline 1px; text-underline-offset: 0.2em; }
.foot { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 8px; }
.foot button { min-height: 32px; padding: 2px 10px; font-size: 0.875em; }
.likeness { flex: 1 1 auto; }
.quiet, .place, .likeness { color: var(--quiet); font-size: 0.8125em; font-variant-numeric: tabular-nums; }
.state { display: flex; flex-wrap: wrap; gap: 0 12px; min-height: 1.5em; }
.place:empty, .loading:empty { display: none; }
.text ::slotted(*) { margin-block: 0; }
@container (width < 26em) { form { grid-auto-flow: row; } }
@media (forced-colors: active) { .result[data-chosen] { outline: 2px solid Highlight; } }
`)
