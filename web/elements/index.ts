/** The elements for applications that bundle: `spillway/elements`. */

export type { ChatMessage } from '../../workers/host/text/types.ts'
export { type ChatEvents, SpillwayChatElement } from './chat/element.ts'
export { type Classification, type ClassifyEvents, SpillwayClassifyElement } from './classify/element.ts'
export { defineElements } from './define.ts'
export type { SpillwayElementEvents, SpillwayErrorEvent } from './events.ts'
export type { SpillwayIntrinsicElements } from './jsx.ts'
export { type SearchEvents, type SearchResult, SpillwaySearchElement } from './search/element.ts'
export type { GetRuntime } from './spillway-element.ts'
export { SpillwayStatusElement } from './status/element.ts'
