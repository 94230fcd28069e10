import { SpillwayError } from '../../models/core/index.ts'
import type { DeviceSession } from '../device/device-session.ts'
import { beatsReadBack, isSoonerForSome, mostRows } from './backend-order.ts'
import type { BackgroundLoaderOptions } from './background-loader.ts'
import { candidateKey } from './candidate.ts'
import { failureScope } from './failure-scope.ts'
import type { ModelState } from './model-states.ts'

/**
 * Milliseconds after which a page that is never quiet loads the second backend all the same. Nobody waits for it, and its
 * many requests may be those that it answers sooner.
 */
const busyMs = 5_000

/** Loads a model on a second backend, and keeps both only where each answers some requests sooner than the other. */
export class SecondBackend {
  readonly #options: Omit<BackgroundLoaderOptions, 'clock'>
  /** Models that were loaded there, or are: once a visit. */
  readonly #tried = new WeakSet<ModelState>()

  constructor(options: Omit<BackgroundLoaderOptions, 'clock'>) {
    this.#options = options
  }

  /** A session was loaded. */
  async ready(session: DeviceSession): Promise<void> {
    const { device, states, resolver } = this.#options
    const state = states.get(session.manifest)
    const { first, second } = state ? resolver.choicesOf(state) : {}
    if (!state || !first?.session || !second) return
    // Figures of an earlier visit are not measured again; requests of this one may teach the cost of single rows only.
    const areKept = [first.device, second.device].every((target) => candidateKey(target) in state.costs)
    const measured = areKept ? undefined : device.calibrate(session, mostRows(state.manifest))
    if (session === first.session) await this.#try(state)
    else if (session === second.session) {
      await measured
      await this.#unloadSlower(state)
    }
  }

  async #try(state: ModelState): Promise<void> {
    const { device, resolver, health } = this.#options
    if (this.#tried.has(state) || !(await device.whenQuiet(busyMs))) return
    // Something may have failed meanwhile, and the first backend was measured.
    const { first, second } = resolver.choicesOf(state)
    if (!second || !first.session || !device.isReady(first.session) || this.#tried.has(state)) return
    const isFastest =
      first.device.backend === 'wasm' && beatsReadBack(device.costOf(first.session), state.manifest)
    if (isFastest || !device.hasRoomFor(second.session)) return
    this.#tried.add(state)
    try {
      await device.prepare(second.session)
    } catch (cause) {
      const failure = SpillwayError.from(cause, 'internal', `${state.manifest.id} failed`)
      if (failureScope[failure.code].holds !== 'every-place')
        health.deviceFailed(state.manifest.id, second.device, failure)
    }
  }

  /** Unloads the backend that is faster neither for one row nor for many. Their measurements are kept. */
  async #unloadSlower(state: ModelState): Promise<void> {
    const { device, resolver } = this.#options
    const { first, second } = resolver.choicesOf(state)
    if (!first.session || !second) return
    const [one, other] = [device.costOf(first.session), device.costOf(second.session)]
    if (!one.isKnown || !other.isKnown) return
    if (!isSoonerForSome(other, one, state.manifest)) await device.unload(second.session)
    else if (!isSoonerForSome(one, other, state.manifest)) await device.unload(first.session)
  }
}
