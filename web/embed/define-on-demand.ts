import { elementTags } from '../elements/tags.ts'

const selector = elementTags.join()
const hasElement = (node: Node): boolean =>
  node instanceof Element && (node.matches(selector) || node.querySelector(selector) !== null)

/**
 * Defines the elements once the document has one of them. Until then each node that is added is looked at. Those within
 * other elements' shadow trees are not seen.
 *
 * @param define Fetches their code, and defines them.
 */
export function defineOnDemand(define: () => Promise<unknown>): void {
  if (!globalThis.document) return
  const watcher = new MutationObserver((changes) => {
    if (changes.some(({ addedNodes }) => [...addedNodes].some(hasElement))) found()
  })
  const watch = () => watcher.observe(document, { childList: true, subtree: true })
  const found = () => {
    watcher.disconnect()
    define().catch((cause: unknown) => {
      // biome-ignore lint/suspicious/noConsole: no element can show it. The next one that is added tries it again.
      console.error('The code of the Spillway elements could not be loaded', cause)
      watch()
    })
  }
  watch()
  if (hasElement(document.documentElement)) found()
}
