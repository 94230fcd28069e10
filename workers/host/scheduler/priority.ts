/** Best first. */
export const priorities = ['high', 'normal', 'low'] as const
/**
 * Which of the waiting requests go first.
 *
 * @useDeclaredType
 */
export type Priority = (typeof priorities)[number]

/** Milliseconds of waiting that one step of priority is worth. */
const stepMs = 1_000

export const levelOf = (priority: Priority): number => priorities.indexOf(priority)

/**
 * The place of a request among those that wait; the lowest goes first. It is the time of asking, later for lower
 * priorities: because waiting makes up for priority, no request starves.
 */
export const rankOf = (askedAt: number, priority: Priority = 'normal'): number =>
  askedAt + stepMs * levelOf(priority)
