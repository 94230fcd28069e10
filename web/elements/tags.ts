/** The tags of the elements. */
export const elementTags = ['spillway-classify', 'spillway-status', 'spillway-chat'] as const

export type ElementTag = (typeof elementTags)[number]
