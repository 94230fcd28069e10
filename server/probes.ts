import { SpillwayError } from '../models/core/index.ts'
import { allVersions, type Catalogue, nameOf } from './inference/catalogue.ts'
import type { Inference } from './inference/inference.ts'

/** What orchestrators ask. A probe that fails is an error with a status; one that gets no answer found a hung loop. */
export interface Probes {
  /** @throws SpillwayError `lane_failed` where no lane can be started: a restart of the process may help. */
  checkLive(): void
  /**
   * Whether requests may come.
   *
   * @returns The models that are not ready, such as those that could not be loaded: the others are served.
   * @throws SpillwayError `lane_failed` before the models have been loaded, or where none could be; `server_draining`.
   */
  checkReady(): readonly string[]
}

export interface ProbesOptions {
  readonly catalogue: Pick<Catalogue, 'versions'>
  readonly inference: Pick<Inference, 'state' | 'withoutLaneMs' | 'restartLanes'>
  /** Whether the server is shutting down. */
  readonly isDraining: () => boolean
}

/** Milliseconds until a replica may take what this server does not: it is not known which one, nor that there is one. */
const retryAfterMs = 1_000

export const serverDraining = () =>
  new SpillwayError('server_draining', 'The server is shutting down', {
    retryAfterMs,
    hint: 'Send the request again: another replica takes it. A text goes on from the tokens that came so far.',
  })

export function createProbes({ catalogue, inference, isDraining }: ProbesOptions): Probes {
  /** Models that are added later do not make a server unready that serves others. */
  let hasStarted = false
  return {
    checkLive: () => {
      const ms = inference.withoutLaneMs()
      if (ms === 0) return
      // Without requests nothing else would find out that lanes start again.
      inference.restartLanes()
      throw new SpillwayError('lane_failed', 'No lane can be started', {
        expected: 'a lane that starts',
        got: `none for ${Math.ceil(ms / 1000)} s`,
        retryAfterMs,
      })
    },
    checkReady: () => {
      if (isDraining()) throw serverDraining()
      const states = allVersions(catalogue).map(
        (entry) => [nameOf(catalogue, entry), inference.state(entry)] as const,
      )
      hasStarted ||= states.every(([, state]) => state !== 'loading')
      const notReady = states.filter(([, state]) => state !== 'ready')
      if (hasStarted && notReady.length < states.length) return notReady.map(([name]) => name)
      throw new SpillwayError('lane_failed', 'The server is not ready', {
        expected: hasStarted ? 'a model that is ready' : 'every model to have been loaded',
        got: notReady.map(([name, state]) => `${name} ${state}`).join(', '),
        retryAfterMs,
      })
    },
  }
}
