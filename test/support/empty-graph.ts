import type { GraphSource } from '../../workers/protocol/lane.ts'

/** The graph of a session that nothing loads. */
export const emptyGraph = async (): Promise<GraphSource> => ({
  from: 'bytes',
  graph: new ArrayBuffer(0),
  external: [],
})
