import type { Manifest } from '../../models/core/index.ts'
import type { DeviceSession } from './device-session.ts'

/**
 * How far a model is on the device, whichever tier answers meanwhile.
 *
 * - `idle`: it is not loaded, and nobody waits for it.
 * - `downloading`: its files are read from the store or downloaded.
 * - `loading`: a lane loads it.
 * - `ready`: it is loaded. Where other models took its memory, the next request loads it from the store again.
 * - `failed`: the last load failed. A later request tries again, where that can help.
 *
 * @useDeclaredType
 */
export type LoadState = 'idle' | 'downloading' | 'loading' | 'ready' | 'failed'

/** The state of a model is that of its session that is furthest. */
const byPrecedence = [
  'ready',
  'loading',
  'downloading',
  'failed',
  'idle',
] as const satisfies readonly LoadState[]

/** The `statechange` event of a model. */
export class StateChangeEvent extends Event {
  /** The state at the time of the event. */
  readonly state: LoadState

  constructor(state: LoadState) {
    super('statechange')
    this.state = state
  }
}

interface ModelSessions {
  readonly events: EventTarget
  readonly states: Map<DeviceSession, LoadState>
}

/** The load states of the device's models, by id and version: whoever asked for a model sees the same. */
export class LoadStates {
  readonly #models = new Map<string, ModelSessions>()

  of(manifest: Manifest): LoadState {
    const { states } = this.#modelOf(manifest)
    const present = new Set(states.values())
    return byPrecedence.find((state) => present.has(state)) ?? 'idle'
  }

  /** Where `statechange` is dispatched. */
  events(manifest: Manifest): EventTarget {
    return this.#modelOf(manifest).events
  }

  set(session: DeviceSession, state: LoadState): void {
    const { manifest } = session
    const { events, states } = this.#modelOf(manifest)
    const before = this.of(manifest)
    states.set(session, state)
    const after = this.of(manifest)
    if (after !== before) events.dispatchEvent(new StateChangeEvent(after))
  }

  #modelOf({ id, version }: Manifest): ModelSessions {
    const key = `${id}@${version}`
    let model = this.#models.get(key)
    if (!model) {
      model = { events: new EventTarget(), states: new Map() }
      this.#models.set(key, model)
    }
    return model
  }
}
