/** Lanes, and the threads of each one's run. */
export interface Layout {
  readonly lanes: number
  readonly threads: number
}

export interface LayoutBounds {
  readonly cores: number
  /** Threads that one run is worth: past them it gets slower. */
  readonly maxThreads: number
  readonly maxLanes: number
}

/**
 * The steps that a backend's lanes may climb: from one lane of many threads to many lanes of few, as far as the cores
 * reach. Which step is the fastest depends on models and machine, so it is measured on the way.
 */
export function layoutsFor({ cores, maxThreads, maxLanes }: LayoutBounds): Layout[] {
  const most = Math.max(1, Math.min(maxLanes, cores))
  const layouts: Layout[] = []
  for (let lanes = 1; lanes < most; lanes *= 2) layouts.push(layoutOf(lanes, cores, maxThreads))
  return [...layouts, layoutOf(most, cores, maxThreads)]
}

const layoutOf = (lanes: number, cores: number, maxThreads: number): Layout => ({
  lanes,
  threads: Math.max(1, Math.min(maxThreads, Math.floor(cores / lanes))),
})
