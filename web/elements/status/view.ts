import { html, nothing, render } from 'lit/html.js'
import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { showSpillway } from '../../view/spillway/view.ts'
import { baseSheet, sheetOf } from '../shared/sheet.ts'
import type { View } from '../spillway-element.ts'

const statusSheet = sheetOf(`
.strip {
  display: grid; grid-template-columns: minmax(72px, 1fr) minmax(0, max-content); align-items: center;
  min-height: 44px; border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); overflow: hidden;
}
.strip canvas { display: block; width: 100%; height: 42px; }
.strip:dir(rtl) canvas { scale: -1 1; }
.strip dl { display: flex; flex-wrap: wrap; gap: 0 20px; padding: 2px 14px; }
.strip dl div { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 8px; min-width: 0; }
.strip dt { color: var(--quiet); font-size: 0.8125em; }
.strip dd { min-width: 4ch; font-weight: 600; font-variant-numeric: tabular-nums; }
`)

const number = (name: string, part: string, tier?: string) =>
  html`<div>
    <dt part="name">${tier ? html`<span class="mark" data-tier=${tier}></span>` : nothing}${name}</dt>
    <dd part="number" data-part=${part}>0</dd>
  </div>`

export function createView(root: ShadowRoot, runtime: Runtime): View {
  const closing = new AbortController()
  root.adoptedStyleSheets = [baseSheet, statusSheet]
  render(
    html`<div class="frame" part="frame">
      <div class="strip" part="strip" role="group" aria-label="Requests of this page">
        <canvas part="picture" aria-hidden="true"></canvas>
        <dl>
          ${number('Waiting', 'waiting')} ${number('This device', 'device', 'device')}
          ${number('Server', 'server', 'server')}
        </dl>
      </div>
    </div>`,
    root,
  )
  showSpillway(find('.strip', HTMLElement, root), runtime, undefined, closing.signal)
  return {
    update: () => {},
    close: () => {
      closing.abort()
      render(nothing, root)
    },
  }
}
