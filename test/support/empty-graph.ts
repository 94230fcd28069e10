import type { SessionGraphs } from '../../web/device/device-session.ts'

/** The graph of a session that nothing loads. */
export const emptyGraph = async (): Promise<SessionGraphs> => ({
  source: { from: 'bytes', graph: new ArrayBuffer(0), external: [] },
})
