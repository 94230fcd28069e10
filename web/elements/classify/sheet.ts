import { sheetOf } from '../shared/sheet.ts'

export const classifySheet = sheetOf(`
.pad {
  position: relative; width: 100%; max-width: var(--spillway-pad-size, 320px); aspect-ratio: 1; overflow: hidden;
  border: 1px solid var(--edge); border-radius: var(--radius); background: var(--surface); color: var(--text);
  touch-action: none; user-select: none; -webkit-user-select: none;
}
.pad[data-draws] { cursor: crosshair; }
.pad[data-over] { border: 2px dashed var(--text); }
.pad > canvas, .pad > video { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.hint {
  position: absolute; inset: 0; display: grid; place-items: center; padding: 12px;
  color: var(--quiet); text-align: center; pointer-events: none; visibility: hidden;
}
.pad[data-empty] .hint { visibility: visible; }
.cursor {
  position: absolute; left: calc(var(--x, 0.5) * 100%); top: calc(var(--y, 0.5) * 100%); width: 7%; aspect-ratio: 1;
  translate: -50% -50%; border: 2px solid var(--text); border-radius: 50%; pointer-events: none; visibility: hidden;
}
.cursor[data-down] { background: var(--text); }
.pad:focus-visible .cursor { visibility: visible; }
.tools { display: flex; flex-wrap: wrap; gap: 8px; }
.labels { display: grid; grid-template-columns: fit-content(50%) minmax(0, 1fr) 5ch; align-content: start; gap: 4px 10px; list-style: none; min-height: calc(var(--rows) * 1.5em + (var(--rows) - 1) * 4px); }
.row { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center; }
.row span { overflow-wrap: anywhere; }
.row:first-child { font-weight: 600; }
.share { justify-self: end; font-variant-numeric: tabular-nums; }
.track { display: block; height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; }
.fill { display: block; height: 100%; width: calc(var(--share) * 100%); background: var(--edge); }
.row:first-child .fill { background: var(--place); }
.place { min-height: 1.5em; color: var(--quiet); font-size: 0.8125em; font-variant-numeric: tabular-nums; }
.columns, .input, .answer { display: grid; gap: 10px; align-content: start; }
@container (width >= 36em) {
  .columns { display: grid; grid-template-columns: minmax(0, 320px) minmax(0, 1fr); gap: 20px; align-items: start; }
}
@media (forced-colors: active) {
  .fill, .row:first-child .fill { background: CanvasText; }
  .track { border: 1px solid CanvasText; }
}
`)
