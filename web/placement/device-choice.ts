import type { Manifest } from '../../models/core/index.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Failure } from './candidate.ts'
import { type DeviceTarget, type Ineligible, selectDeviceTarget } from './device-target.ts'
import type { TierClients } from './dispatcher.ts'
import { explainTimes } from './explain-target.ts'
import type { ModelState } from './model-states.ts'
import type { LastDecision } from './placement-resolver.ts'

/** A target of the device with its session. */
export interface SessionChoice {
  readonly device: DeviceTarget
  readonly session: DeviceSession
  last: LastDecision | undefined
}

/** A target, or why there is none. The last decision for it is kept, as nearly all requests find the same one. */
export type DeviceChoice =
  | SessionChoice
  | { readonly device: Ineligible; readonly session: undefined; last: LastDecision | undefined }

/** How the device may run a model. */
export interface DeviceChoices {
  /** They were known when this was decided. */
  readonly failures: readonly Failure[]
  readonly first: DeviceChoice
  /** The session on the other backend, which is loaded after the first. */
  readonly second: SessionChoice | undefined
}

/** Chooses the session of the device that takes a request. */
export class DeviceChooser {
  readonly #device: TierClients['device']

  constructor(device: TierClients['device']) {
    this.#device = device
  }

  /** The last choices where the failures are the same ones, else new ones. */
  choicesOf(state: ModelState, failures: readonly Failure[]): DeviceChoices {
    const { choices } = state
    if (choices?.failures === failures) return choices
    const { manifest, capacity, costs } = state
    const plan = selectDeviceTarget(capacity, manifest, { failures, costs })
    if ('error' in plan)
      return { failures, first: { device: plan, session: undefined, last: undefined }, second: undefined }
    return {
      failures,
      first: this.#choice(manifest, plan),
      second: plan.second && this.#choice(manifest, plan.second),
    }
  }

  /** The first choice, or the second where that is loaded and would answer sooner. Called for every request. */
  choose(
    state: ModelState,
    { first, second }: DeviceChoices,
    rows: number,
    deadlineMs: number | undefined,
  ): DeviceChoice {
    const device = this.#device
    if (!second || !first.session || !device.isReady(second.session)) return first
    if (!device.isReady(first.session)) return second
    const isSecond = state.backends.takesSecond(
      this.#finishMs(first.session, rows),
      this.#finishMs(second.session, rows),
      deadlineMs,
    )
    return isSecond ? second : first
  }

  /** Whether the costs of both backends are known, so that they explain a choice. */
  isMeasured({ first, second }: DeviceChoices): boolean {
    return (
      second !== undefined &&
      first.session !== undefined &&
      this.#device.costOf(first.session).isKnown &&
      this.#device.costOf(second.session).isKnown
    )
  }

  /** The target, with the figures of both backends where they are known. */
  explain({ first, second }: DeviceChoices, choice: SessionChoice, rows: number): DeviceTarget {
    const other = choice === second ? first : second
    if (!other?.session) return choice.device
    const [own, rival] = [choice, other].map(({ device: { backend }, session }) => ({
      backend,
      ms: this.#device.costOf(session).predict(rows),
    }))
    if (!own || !rival) return choice.device
    const times = explainTimes(rows, own, rival)
    // The slower one takes a request where others wait for the faster one, and where they differ too little to change.
    const explanation = own.ms <= rival.ms ? times : `${times} if no other request waits there`
    return { ...choice.device, explanation }
  }

  #choice(manifest: Manifest, target: DeviceTarget): SessionChoice {
    const session = this.#device.session(manifest, target.variant, target.backend)
    return { device: target, session, last: undefined }
  }

  /** Undefined where no lane has it: loading it would take longer than any run. */
  #finishMs(session: DeviceSession, rows: number): number | undefined {
    return this.#device.isLoaded(session) ? this.#device.finishMs(session, rows) : undefined
  }
}
