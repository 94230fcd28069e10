import { SpillwayChatElement } from './chat/element.ts'
import { SpillwayClassifyElement } from './classify/element.ts'
import { SpillwaySearchElement } from './search/element.ts'
import { type GetRuntime, SpillwayElement } from './spillway-element.ts'
import { SpillwayStatusElement } from './status/element.ts'
import type { ElementTag } from './tags.ts'

declare global {
  interface HTMLElementTagNameMap {
    'spillway-chat': SpillwayChatElement
    'spillway-classify': SpillwayClassifyElement
    'spillway-search': SpillwaySearchElement
    'spillway-status': SpillwayStatusElement
  }
}

const elements = {
  'spillway-chat': SpillwayChatElement,
  'spillway-classify': SpillwayClassifyElement,
  'spillway-search': SpillwaySearchElement,
  'spillway-status': SpillwayStatusElement,
} satisfies Record<ElementTag, CustomElementConstructor>

/**
 * Defines the elements. Where another copy has defined one, that stays. The code of each is fetched with the first of its
 * kind on the page, and the runtime when an element first needs it.
 *
 * @param runtime Makes the runtime that all elements share. It is called once, unless it fails.
 */
export function defineElements(runtime: GetRuntime): void {
  if (!('customElements' in globalThis)) return
  let starting: ReturnType<GetRuntime> | undefined
  SpillwayElement.runtime ??= () => {
    starting ??= runtime().catch((cause: unknown) => {
      starting = undefined
      throw cause
    })
    return starting
  }
  for (const [name, element] of Object.entries(elements))
    if (!customElements.get(name)) customElements.define(name, element)
}
