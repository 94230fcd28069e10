/** A number of lanes, and the threads that each runs with. */
export interface Layout {
  readonly lanes: number
  readonly threads: number
}

export interface LayoutBounds {
  readonly cores: number
  /** Threads past which a run gets slower. */
  readonly maxThreads: number
  readonly maxLanes: number
}

/**
 * The layouts that a backend's pool may use, as steps: from one lane with many threads to many lanes with few, as far as
 * the cores reach. Models and machine decide which step is the fastest, so the autoscaler measures it.
 */
export function layoutsFor({ cores, maxThreads, maxLanes }: LayoutBounds): Layout[] {
  const largest = Math.max(1, Math.min(maxLanes, cores))
  const layouts: Layout[] = []
  for (let lanes = 1; lanes < largest; lanes *= 2) layouts.push(layoutOf(lanes, cores, maxThreads))
  return [...layouts, layoutOf(largest, cores, maxThreads)]
}

/** In processes: runs get slower with more threads than this; with more processes, memory is better used otherwise. */
const maxThreads = 16
const maxProcesses = 16

/** The layouts of lanes that are processes and run on the CPU. */
export const processLayouts = (cores: number, maxLanes = maxProcesses): Layout[] =>
  layoutsFor({ cores, maxThreads, maxLanes: Math.min(maxProcesses, maxLanes) })

const layoutOf = (lanes: number, cores: number, maxThreads: number): Layout => ({
  lanes,
  threads: Math.max(1, Math.min(maxThreads, Math.floor(cores / lanes))),
})
