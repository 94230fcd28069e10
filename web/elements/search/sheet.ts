import { sheetOf } from '../shared/sheet.ts'

export const searchSheet = sheetOf(`
form { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 8px; }
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
.likeness { flex: 1 1 8em; }
.quiet, .note, .place, .likeness { color: var(--quiet); font-size: 0.8125em; font-variant-numeric: tabular-nums; }
.place { min-height: 1.5em; }
@container (width < 18em) { form { grid-template-columns: minmax(0, 1fr); } }
@media (forced-colors: active) { .result[data-chosen] { outline: 2px solid Highlight; } }
`)
