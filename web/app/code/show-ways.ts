import { wireTabs } from './tabs.ts'
import { type Way, ways } from './ways.ts'

/** Fills the panels of the tabs beside the page's own: each has its file to read and to copy. */
export function showWays(list: HTMLElement): void {
  for (const way of ways) list.parentElement?.append(panelOf(way))
  wireTabs(list)
}

function panelOf({ name, about, source }: Way): HTMLElement {
  const panel = document.createElement('section')
  panel.id = `way-${name}`
  panel.className = 'panel listing'
  panel.role = 'tabpanel'
  panel.setAttribute('aria-labelledby', `tab-${name}`)
  const text = document.createElement('p')
  text.textContent = about
  const code = document.createElement('code')
  code.textContent = source
  const listing = document.createElement('pre')
  listing.tabIndex = 0
  listing.append(code)
  panel.append(text, copyButton(source), listing)
  return panel
}

/** Milliseconds for which the button says that it has copied. */
const copiedMs = 2000

function copyButton(source: string): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Copy'
  button.addEventListener('click', async () => {
    // Browsers may refuse it, and have it on secure pages only.
    const isCopied = await navigator.clipboard?.writeText(source).then(
      () => true,
      () => false,
    )
    button.textContent = isCopied ? 'Copied' : 'Not allowed here'
    window.setTimeout(() => {
      button.textContent = 'Copy'
    }, copiedMs)
  })
  return button
}
