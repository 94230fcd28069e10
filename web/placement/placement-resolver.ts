import { type Manifest, type Policy, type RunResult, SpillwayError } from '../../models/core/index.ts'
import type { ResultHandler, WaitOptions } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Failure } from './candidate.ts'
import { type Conditions, type Decision, decide } from './decide-placement.ts'
import { type DeviceChoice, type DeviceChoices, DeviceChooser } from './device-choice.ts'
import type { DeviceTarget } from './device-target.ts'
import type { TierClients } from './dispatcher.ts'
import type { Health } from './health.ts'
import type { ModelState, ModelStates } from './model-states.ts'
import type { TextPolicy } from './text-policy.ts'

export interface PlacementOptions extends WaitOptions {
  readonly policy: Policy
  /** Of a text: its policy from now on, in place of `policy`. */
  readonly textPolicy?: TextPolicy | undefined
}

/** The estimates by which a request for this session should spill; undefined where it should not. */
export type EstimateSpill = (session: DeviceSession) => Conditions['spill']

/** The conditions that only this request has, after failed attempts or for a text. */
export interface RequestConditions {
  /** The candidates on the device that failed. */
  readonly failures: readonly Failure[]
  readonly serverFailed: boolean
  /** Replaces the estimates of the batch schedulers. */
  readonly estimateSpill: EstimateSpill | undefined
}

/** A decision, and the objects that all its requests share. */
export interface Resolution {
  readonly decision: Decision
  /** Undefined on the server. */
  readonly session: DeviceSession | undefined
  /** Whether the router's fast path may be taken: the model is loaded there, and the target did not fail recently. */
  readonly isFast: boolean
  /** Set by the first request on the router's fast path. */
  handler: ResultHandler<DeviceSession, RunResult, PlacementOptions> | undefined
}

/** The last decision for a choice of the device, with its inputs: nearly all requests find the same ones. */
export interface LastDecision {
  readonly policy: Policy
  /** Where two backends were measured: the rows that the explanation is about; else zero. */
  readonly explainedRows: number
  readonly conditions: Conditions
  readonly resolution: Resolution
}

/** Where requests will run once the model is loaded, or why no tier can run it; and how the device would. */
export type Outlook = { readonly choice: DeviceChoice } & (
  | { readonly decision: Decision; readonly error?: never }
  | { readonly decision?: never; readonly error: SpillwayError }
)

/** The load that a request made now would find. */
export interface Backlog {
  readonly queueMs: number
  readonly isSaturated: boolean
}

/** Finds the conditions of a request and decides by them where it runs. */
export class PlacementResolver {
  readonly #tiers: TierClients
  readonly #states: ModelStates
  readonly #health: Health
  readonly #chooser: DeviceChooser

  constructor(tiers: TierClients, states: ModelStates, health: Health) {
    this.#tiers = tiers
    this.#chooser = new DeviceChooser(tiers.device)
    this.#states = states
    this.#health = health
  }

  /**
   * The last resolution where its inputs are the same, else a new one. Called for every request.
   *
   * @returns undefined where the model's state has to be opened first.
   * @throws SpillwayError Where the policy leaves no tier.
   */
  resolve(
    manifest: Manifest,
    rows: number,
    { policy, deadlineMs }: PlacementOptions,
    requestConditions?: RequestConditions,
  ): Resolution | undefined {
    const server = this.#serverState(manifest, requestConditions)
    const state = this.#states.get(manifest)
    if (!state) return this.#resolveWithoutCapacity(policy, server)
    const choices = this.#choices(state, requestConditions)
    const choice = choices.second ? this.#chooser.choose(state, choices, rows, deadlineMs) : choices.first
    const explainedRows = choices.second && this.#chooser.isMeasured(choices) ? rows : 0
    const { session, last } = choice
    const isLoaded = session !== undefined && this.#tiers.device.isReady(session)
    let spill: Conditions['spill']
    if (policy === 'auto' && server === 'available' && isLoaded) {
      spill = requestConditions?.estimateSpill
        ? requestConditions.estimateSpill(session)
        : this.#estimateSpill(state, session, rows, deadlineMs)
    }
    if (
      last?.policy === policy &&
      last.explainedRows === explainedRows &&
      last.conditions.server === server &&
      last.conditions.isLoaded === isLoaded &&
      // Estimates differ from request to request, and the explanation names them.
      !spill &&
      !last.conditions.spill
    )
      return last.resolution
    const device =
      choice.session && explainedRows > 0 ? this.#chooser.explain(choices, choice, rows) : choice.device
    const conditions: Conditions = { device, server, isLoaded, spill }
    const resolution = this.#decide(manifest, policy, conditions, session)
    if (resolution) choice.last = { policy, explainedRows, conditions, resolution }
    return resolution
  }

  /** Whether the device could answer the request at once. */
  isLoaded(state: ModelState, requestConditions: RequestConditions): boolean {
    return sessionsOf(this.#choices(state, requestConditions)).some((session) =>
      this.#tiers.device.isReady(session),
    )
  }

  /** How the device would run the model now. */
  choicesOf(state: ModelState): DeviceChoices {
    return this.#choices(state)
  }

  /** The decision for a request that finds the model loaded and no other request. */
  outlook(state: ModelState, policy: Policy): Outlook {
    const choice = this.#choices(state).first
    const { device } = choice
    const server = this.#health.serverState(state.manifest.id)
    try {
      const decision = decide(policy, { device, server, isLoaded: true, spill: undefined })
      if (decision !== 'needs-capacity') return { choice, decision }
      throw new SpillwayError('internal', 'The capacity is known, and a decision needs it')
    } catch (cause) {
      return { choice, error: SpillwayError.from(cause, 'internal', 'Placement failed') }
    }
  }

  /** The shorter wait of the tiers that the policy allows, and whether all of them are full. */
  backlog(manifest: Manifest, policy: Policy): Backlog {
    const { device, remote } = this.#tiers
    const state = this.#states.get(manifest)
    const sessions = state ? sessionsOf(this.#choices(state)) : []
    const waits: number[] = []
    const saturated: boolean[] = []
    if (policy !== 'server' && sessions.length > 0) {
      for (const session of sessions)
        if (device.isReady(session)) waits.push(device.estimate(session, 1).queueMs)
      saturated.push(device.isSaturated)
    }
    if (policy !== 'device' && remote) {
      waits.push(remote.estimate(manifest, 1).queueMs)
      saturated.push(remote.isSaturated)
    }
    return {
      queueMs: waits.length === 0 ? 0 : Math.min(...waits),
      isSaturated: saturated.length > 0 && !saturated.includes(false),
    }
  }

  #resolveWithoutCapacity(policy: Policy, server: Conditions['server']): Resolution | undefined {
    // Only the measurements of the model are missing.
    if (this.#states.isCapacityKnown) return undefined
    const decision = decide(policy, { device: undefined, server, isLoaded: false, spill: undefined })
    return decision === 'needs-capacity'
      ? undefined
      : { decision, session: undefined, isFast: false, handler: undefined }
  }

  /** @param session Of the device's target. */
  #decide(
    manifest: Manifest,
    policy: Policy,
    conditions: Conditions,
    session: DeviceSession | undefined,
  ): Resolution | undefined {
    const decision = decide(policy, conditions)
    if (decision === 'needs-capacity') return undefined
    if (decision.tier === 'server') return { decision, session: undefined, isFast: false, handler: undefined }
    const { target } = decision
    if (session && target === conditions.device)
      return { decision, session, isFast: conditions.isLoaded, handler: undefined }
    return { decision, session: this.#sessionOf(manifest, target), isFast: false, handler: undefined }
  }

  #serverState({ id }: Manifest, requestConditions: RequestConditions | undefined): Conditions['server'] {
    const server = this.#health.serverState(id)
    return requestConditions?.serverFailed && server === 'available' ? 'unavailable' : server
  }

  #failures({ id }: Manifest, requestConditions?: RequestConditions): readonly Failure[] {
    const recent = this.#health.deviceFailures(id)
    return requestConditions && requestConditions.failures.length > 0
      ? [...recent, ...requestConditions.failures]
      : recent
  }

  #choices(state: ModelState, requestConditions?: RequestConditions): DeviceChoices {
    const choices = this.#chooser.choicesOf(state, this.#failures(state.manifest, requestConditions))
    state.choices = choices
    return choices
  }

  #sessionOf(manifest: Manifest, { variant, backend }: DeviceTarget): DeviceSession {
    return this.#tiers.device.session(manifest, variant, backend)
  }

  #estimateSpill(
    { manifest, balance }: ModelState,
    session: DeviceSession,
    rows: number,
    deadlineMs: number | undefined,
  ): Conditions['spill'] {
    const { device, remote } = this.#tiers
    return remote
      ? balance.weigh(device.estimate(session, rows), remote.estimate(manifest, rows), deadlineMs)
      : undefined
  }
}

const sessionsOf = ({ first, second }: DeviceChoices): DeviceSession[] =>
  [first.session, second?.session].filter((session) => session !== undefined)
