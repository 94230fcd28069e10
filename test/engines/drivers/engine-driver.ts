/** How a window keeps what pages store: on disk, in memory, or not at all. */
export type WindowKind = 'usual' | 'private' | 'blocked'

/** Drives one browser engine. */
export interface EngineDriver {
  /** Says what has to be installed; undefined where nothing is missing. */
  missing(): string | undefined
  /** Starts the browser with a new profile, in a process of its own. */
  open(kind: WindowKind): Promise<EngineWindow>
}

/** A point in CSS pixels, from the upper left of the viewport. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** A browser with one page. */
export interface EngineWindow {
  /** The engine's version as it reports it: `153.8.0`. */
  readonly version: string
  /** Resolves when the page has loaded. */
  goto(url: URL): Promise<void>
  reload(): Promise<void>
  /**
   * Runs a function in the page and waits for its promise.
   *
   * @param script Uses nothing of its surroundings.
   * @param args Values that JSON carries, as is the result.
   * @throws Error With the page's message, where the function throws or rejects.
   */
  evaluate<Args extends readonly unknown[], Result>(
    script: (...args: Args) => Result,
    ...args: Args
  ): Promise<Awaited<Result>>
  /** Presses at the first point, moves over the others and releases at the last. */
  drag(points: readonly Point[]): Promise<void>
  /** Ends the browser and deletes its profile. */
  close(): Promise<void>
}

/** An expression that calls the function with the values. */
export const callOf = (script: (...args: never[]) => unknown, args: readonly unknown[]): string =>
  `(${script})(...${JSON.stringify(args)})`
