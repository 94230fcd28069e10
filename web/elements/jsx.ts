import type { Policy } from '../../models/core/placement.ts'
import type { SpillwayChatElement } from './chat/element.ts'
import type { SpillwayClassifyElement } from './classify/element.ts'
import type { SpillwaySearchElement } from './search/element.ts'
import type { SpillwayStatusElement } from './status/element.ts'

interface ModelAttributes {
  model?: string
  policy?: Policy
  label?: string
  disabled?: boolean
}

/**
 * The elements with their attributes, for JSX: in the framework's module,
 * `interface IntrinsicElements extends SpillwayIntrinsicElements<Common> {}`.
 *
 * @typeParam Common What the framework takes for every element, such as `React.HTMLAttributes<HTMLElement>`.
 */
export interface SpillwayIntrinsicElements<Common = object> {
  'spillway-chat': Common &
    ModelAttributes & {
      ref?: { current: SpillwayChatElement | null }
      system?: string
      'max-tokens'?: number
      placeholder?: string
    }
  'spillway-classify': Common &
    ModelAttributes & {
      ref?: { current: SpillwayClassifyElement | null }
      sources?: string
      top?: number
      mean?: string
      std?: string
      name?: string
      required?: boolean
    }
  'spillway-search': Common &
    ModelAttributes & {
      ref?: { current: SpillwaySearchElement | null }
      src?: string
      top?: number
      'max-texts'?: number
      files?: boolean
      selectable?: boolean
      placeholder?: string
      name?: string
      required?: boolean
    }
  'spillway-status': Common & { ref?: { current: SpillwayStatusElement | null } }
}
