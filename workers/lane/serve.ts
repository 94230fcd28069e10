import { type Endpoint, expose } from 'comlink'
import { outcome } from '../../models/async/outcome.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { DirectApi, LaneApi, StartRequest } from '../protocol/lane.ts'
import { answerDirectly, type OnAnswered } from './answer-directly.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import type { Ort } from './runtime/ort.ts'

/**
 * Serves an engine over the lane protocol. An entry point calls this before its first `await`: comlink loses calls that
 * arrive before `expose`.
 */
export function serveLane(
  loadOrt: (request: StartRequest) => Promise<Ort>,
  endpoint: Endpoint,
  onAnswered?: OnAnswered,
): void {
  let engine: Engine | undefined

  const started = (): Engine => {
    if (engine) return engine
    throw new SpillwayError('internal', 'The lane was called before it was started')
  }

  const api: LaneApi = {
    start: (request) =>
      outcome(async () => {
        const ort = await loadOrt(request)
        engine = createEngine(ort)
        return { runtime: ort.version, backends: ort.backends }
      }),
    load: (request) => outcome(() => started().load(request)),
    warmUp: (session) => outcome(() => started().warmUp(session)),
    unload: (session) =>
      outcome(() =>
        started()
          .unload(session)
          .then(() => null),
      ),
    addSequences: (session, requests) =>
      outcome(async () => {
        started().decoder(session).add(requests)
        return null
      }),
    cancelSequences: (session, ids) =>
      outcome(async () => {
        started().decoder(session).cancel(ids)
        return null
      }),
    ping: async () => ({ ok: true, value: null }),
  }
  const direct: DirectApi = {
    run: (batch) => outcome(() => started().run(batch)),
    takeEvents: (session) => outcome(() => started().decoder(session).takeEvents()),
  }
  answerDirectly(direct, endpoint, onAnswered)
  expose(api, endpoint)
}
