import { sheetOf } from '../shared/sheet.ts'

export const chatSheet = sheetOf(`
.log {
  display: flex; flex-direction: column; gap: 10px; height: var(--spillway-chat-height, 320px); padding: 12px;
  overflow-y: auto; overscroll-behavior: contain;
  border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface);
}
.quiet { color: var(--quiet); }
.message { max-width: 92%; overflow-wrap: anywhere; white-space: pre-wrap; unicode-bidi: plaintext; text-align: start; }
.user { align-self: flex-end; padding: 6px 12px; border: 1px solid var(--edge); border-radius: var(--radius); }
.assistant { align-self: flex-start; }
.run { text-decoration: underline 2px var(--place); text-underline-offset: 0.3em; }
.run[data-tier="server"] { text-decoration-style: dashed; }
.place { min-height: 1.5em; color: var(--quiet); font-size: 0.8125em; font-variant-numeric: tabular-nums; white-space: normal; }
details { color: var(--quiet); }
summary { cursor: pointer; }
form { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 8px; align-items: end; }
textarea {
  min-height: 44px; padding: 8px 12px; border: 1px solid var(--edge); border-radius: calc(var(--radius) * 0.7);
  background: var(--surface); color: var(--text); font: inherit; text-align: start; resize: vertical;
}
textarea::placeholder { color: var(--quiet); opacity: 1; }
@container (width < 18em) { form { grid-template-columns: minmax(0, 1fr); } }
`)
