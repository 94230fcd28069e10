/** A style sheet for shadow trees. A content security policy does not forbid it, as it does `<style>`. */
export function sheetOf(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  return sheet
}

/** What all elements share. `all: initial` keeps out what a page's styles would hand down. */
export const baseSheet = sheetOf(`
:host { display: block; }
:host([hidden]) { display: none; }
.frame {
  all: initial;
  --text: var(--spillway-text, light-dark(#0d1519, #eaf2f5));
  --quiet: var(--spillway-quiet, light-dark(#4f5f67, #93a5ae));
  --surface: var(--spillway-surface, light-dark(#ffffff, #11191d));
  --line: var(--spillway-line, light-dark(#d8e0e4, #223038));
  --edge: var(--spillway-edge, light-dark(#74838b, #74868f));
  --device: var(--spillway-device, light-dark(#0b7285, #4fd1e5));
  --server: var(--spillway-server, light-dark(#b4540a, #ffab5e));
  --error: var(--spillway-error, light-dark(#c1121f, #ff6b7a));
  --radius: var(--spillway-radius, 12px);
  color-scheme: inherit;
  display: grid;
  gap: 10px;
  container-type: inline-size;
  box-sizing: border-box;
  font: medium/1.5 var(--spillway-font, system-ui, sans-serif);
  color: var(--text);
  text-align: left;
}
.frame:dir(rtl) { text-align: right; }
:where(.frame *) { box-sizing: border-box; margin: 0; padding: 0; }
:where(p, dt, dd, li span, button, textarea) { unicode-bidi: plaintext; }
[hidden] { display: none !important; }
.frame[inert] { opacity: 0.55; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; unicode-bidi: isolate; }
button {
  min-height: 40px; padding: 6px 14px;
  border: 1px solid var(--edge); border-radius: calc(var(--radius) * 0.7);
  background: var(--surface); color: var(--text); font: inherit; cursor: pointer;
}
button:hover:enabled { border-color: var(--text); }
button:disabled { color: var(--quiet); cursor: default; }
:focus-visible { outline: 2px solid var(--text); outline-offset: 2px; }
code { font: 0.8125em ui-monospace, monospace; }
.error {
  display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; padding: 10px 14px;
  border: 1px solid var(--error); border-radius: var(--radius); color: var(--error); background: var(--surface);
}
.error p { flex: 1 1 14em; min-width: 0; overflow-wrap: anywhere; }
.loading { min-height: 1.5em; color: var(--quiet); font-size: 0.8125em; font-variant-numeric: tabular-nums; }
.mark { display: inline-block; width: 0.6em; height: 0.6em; margin-inline-end: 0.5em; background: var(--place); forced-color-adjust: none; }
.frame:dir(rtl) .mark { margin-inline: 0.25em; }
[data-tier="device"] { --place: var(--device); }
[data-tier="server"] { --place: var(--server); }
[data-tier="device"] .mark, .mark[data-tier="device"] { border-radius: 50%; }
@media (forced-colors: active) {
  .frame { --device: LinkText; --server: CanvasText; --edge: CanvasText; }
  button:disabled { border-color: GrayText; color: GrayText; }
}
`)
