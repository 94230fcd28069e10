import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Progress } from '../store/worker/load-files.ts'
import type { TierClients } from './dispatcher.ts'
import { failureScope } from './failure-scope.ts'
import type { Health } from './health.ts'
import type { ModelStates } from './model-states.ts'
import type { PlacementResolver } from './placement-resolver.ts'

/** The longest that loading waits for the server's first answer, in milliseconds. */
const headStartMs = 150

interface HeadStart {
  readonly ended: Promise<void>
  /** Ends it in the next task: the page receives the answer in this one, and may ask again. */
  end(): void
}

export interface BackgroundLoaderOptions extends Pick<TierClients, 'device' | 'clock'> {
  readonly states: ModelStates
  readonly resolver: PlacementResolver
  readonly health: Health
}

/** Loads models on the device while the server answers. */
export class BackgroundLoader {
  readonly #options: BackgroundLoaderOptions
  readonly #loading = new WeakSet<Manifest>()
  readonly #headStarts = new WeakMap<Manifest, HeadStart>()
  readonly #waiting = new WeakMap<Manifest, Set<() => void>>()

  constructor(options: BackgroundLoaderOptions) {
    this.#options = options
  }

  /**
   * Loads a model once the server has answered its first request: probing the device, the download and the start of a
   * lane would delay that answer.
   */
  load(manifest: Manifest, signal?: AbortSignal, onProgress?: (progress: Progress) => void): void {
    if (this.#loading.has(manifest) && !onProgress) return
    this.#loading.add(manifest)
    void this.#load(manifest, signal, onProgress).finally(() => this.#loading.delete(manifest))
  }

  /** Calls back when the device has loaded the model, if it does. Returns how to stop that. */
  whenLoaded(manifest: Manifest, callback: () => void): () => void {
    let callbacks = this.#waiting.get(manifest)
    if (!callbacks) {
      callbacks = new Set()
      this.#waiting.set(manifest, callbacks)
    }
    callbacks.add(callback)
    return () => callbacks.delete(callback)
  }

  /** The server has answered a request, or failed to. */
  serverSettled(manifest: Manifest): void {
    this.#headStart(manifest).end()
  }

  async #load(
    manifest: Manifest,
    signal: AbortSignal | undefined,
    onProgress: ((progress: Progress) => void) | undefined,
  ): Promise<void> {
    const { device, states, resolver, health } = this.#options
    await this.#headStart(manifest).ended
    const state = await states.open(manifest)
    const tried = new Set<DeviceSession>()
    for (;;) {
      const { session, device: target } = resolver.choicesOf(state).first
      if (!session || tried.has(session)) return
      tried.add(session)
      try {
        await device.prepare(session, signal, onProgress)
        this.#callBack(manifest)
        return
      } catch (cause) {
        const failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
        if (failureScope[failure.code].holds === 'every-place') return
        health.deviceFailed(manifest.id, target, failure)
      }
    }
  }

  #callBack(manifest: Manifest): void {
    const callbacks = this.#waiting.get(manifest)
    this.#waiting.delete(manifest)
    for (const callback of callbacks ?? []) callback()
  }

  #headStart(manifest: Manifest): HeadStart {
    let start = this.#headStarts.get(manifest)
    if (!start) {
      start = createHeadStart(this.#options.clock)
      this.#headStarts.set(manifest, start)
    }
    return start
  }
}

function createHeadStart(clock: Clock): HeadStart {
  let isEnding = false
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    const cancel = clock.after(headStartMs, resolve)
    end = () => {
      if (isEnding) return
      isEnding = true
      cancel()
      clock.after(0, resolve)
    }
  })
  return { ended, end }
}
