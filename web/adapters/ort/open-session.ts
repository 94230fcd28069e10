import type { InferenceSession, InferenceSessionHandler } from 'onnxruntime-common'
import type { Clock } from '../../../models/async/clock.ts'
import { GraphLanes } from './graph-lanes.ts'
import { GraphSession } from './graph-session.ts'
import { readExternalData, readModel } from './model-files.ts'
import { SessionHandler } from './session-handler.ts'
import { backendOf, graphOptionsOf } from './session-options.ts'

/** Opens a session from an address or from a model's bytes, which it leaves to the caller. */
export type OpenSession = (
  model: string | Uint8Array,
  options: InferenceSession.SessionOptions,
) => Promise<InferenceSessionHandler>

/** All sessions of a page share its lanes. */
export function createOpenSession(clock: Clock): OpenSession {
  const lanes = new GraphLanes(clock)
  let count = 0
  /** @throws SpillwayError As the options, the files and the lanes do. */
  return async (model, options) => {
    const backend = backendOf(options)
    const graphOptions = graphOptionsOf(options)
    lanes.prefetch()
    const [graph, external] = await Promise.all([
      readModel(model, clock),
      readExternalData(options.externalData ?? [], clock),
    ])
    const session = new GraphSession(`session ${++count}`, backend, { graph, external }, graphOptions)
    return new SessionHandler(session, lanes, await lanes.open(session))
  }
}
