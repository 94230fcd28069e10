import type { Library } from '../../search/library.ts'
import type { Neighbour } from '../../search/neighbours.ts'
import { playRecording } from '../recorded/play.ts'

/** Words as they were once typed. */
export interface RecordedSearch {
  /** Milliseconds until each letter's passages were there. */
  readonly at: readonly number[]
  /** What was typed so far. */
  readonly queries: readonly string[]
  /** For each of them the passages that were nearest, and how near. */
  readonly found: readonly (readonly Neighbour[])[]
}

/** Plays a recorded search over the passages of the book, until they can be searched. */
export function playSearch(
  { at, queries, found }: RecordedSearch,
  library: Library,
  {
    results,
    note,
  }: {
    readonly results: (library: Library, found: readonly Neighbour[], query: string) => void
    readonly note: (words: string) => void
  },
  signal: AbortSignal,
): void {
  playRecording(
    at,
    (count) => {
      const query = queries[count - 1] ?? ''
      results(library, found[count - 1] ?? [], query)
      note(`Recorded on an earlier day: “${query}”`)
    },
    signal,
  )
}
