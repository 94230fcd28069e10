import { find } from '../../view/find.ts'

/** Copies a report; where the browser refuses, shows it marked, for the visitor to copy. */
export function showReport(
  panel: HTMLElement,
  write: () => Promise<string>,
  announce: (text: string) => void,
): void {
  const field = find('textarea', HTMLTextAreaElement, panel)
  const state = find('[data-part="state"]', HTMLElement, panel)
  const say = (words: string) => {
    state.textContent = words
    announce(words)
  }
  find('button', HTMLButtonElement, panel).addEventListener('click', async () => {
    const text = await write()
    try {
      await navigator.clipboard.writeText(text)
      field.hidden = true
      say('Copied as Markdown.')
    } catch {
      field.value = text
      field.hidden = false
      field.focus()
      field.select()
      say('The browser does not let the page copy. The report is marked below: copy it by keyboard.')
    }
  })
}
