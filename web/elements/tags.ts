/** The tags of the elements. */
export const elementTags = [
  'spillway-classify',
  'spillway-status',
  'spillway-chat',
  'spillway-search',
] as const

export type ElementTag = (typeof elementTags)[number]
