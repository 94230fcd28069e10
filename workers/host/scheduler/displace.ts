import type { Ranked } from './ranked-queue.ts'

/** What a caller has of a full queue. */
interface Portion<T> {
  /** By its weight. */
  share: number
  /** What waits; by rank once some of it is to go. */
  readonly items: T[]
  isSorted: boolean
}

/** A full queue, and what asks for a place in it. */
export interface FullQueue<T> {
  readonly waiting: Iterable<T>
  callerOf(item: T): string
  /** The share of the queue that it takes, by its caller's weight. */
  shareOf(item: T): number
  readonly asking: { readonly caller: string; readonly share: number }
  /** Counts an item out. */
  leaves(item: T): void
  /** Whether there is a place without those that were counted out. */
  hasPlace(): boolean
}

/**
 * What leaves a full queue for another caller's: the last of the caller that has most of it, as long as that one keeps more
 * than the other gets. Undefined where there would be no place all the same: then nothing has to leave.
 */
export function chooseDisplaced<T extends Ranked>(queue: FullQueue<T>): T[] | undefined {
  if (queue.hasPlace()) return []
  const portions = new Map<string, Portion<T>>()
  for (const item of queue.waiting) {
    const caller = queue.callerOf(item)
    const portion = portions.get(caller)
    if (!portion) portions.set(caller, { share: queue.shareOf(item), items: [item], isSorted: false })
    else {
      portion.share += queue.shareOf(item)
      portion.items.push(item)
    }
  }
  const { caller, share } = queue.asking
  const least = (portions.get(caller)?.share ?? 0) + share
  portions.delete(caller)
  const displaced: T[] = []
  while (!queue.hasPlace()) {
    const largest = largestOf(portions.values())
    const last = largest && largest.share > least ? lastOf(largest) : undefined
    if (!largest || !last) return undefined
    displaced.push(last)
    largest.share -= queue.shareOf(last)
    queue.leaves(last)
  }
  return displaced
}

function largestOf<T>(portions: Iterable<Portion<T>>): Portion<T> | undefined {
  let largest: Portion<T> | undefined
  for (const portion of portions) if (!largest || portion.share > largest.share) largest = portion
  return largest
}

function lastOf<T extends Ranked>(portion: Portion<T>): T | undefined {
  if (!portion.isSorted) portion.items.sort((one, other) => one.rank - other.rank)
  portion.isSorted = true
  return portion.items.pop()
}
