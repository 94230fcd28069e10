import type { Manifest, Policy, SpillwayError } from '../../models/core/index.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Conditions, Decision } from './decide.ts'
import { type Failure, placeKey } from './device-target.ts'
import { nothingFailed } from './failure.ts'

export interface PlacementOptions extends WaitOptions {
  readonly policy: Policy
}

/** When each tier would answer, where the device is so late that the server should. */
export type EstimateSpill = (session: DeviceSession) => Conditions['late']

/** A request on its way, and where it has been. */
export interface RequestState {
  readonly manifest: Manifest
  readonly rows: number
  readonly askedAt: number
  readonly options: PlacementOptions
  readonly tried: Set<string>
  /** The last failure: what is told when no place is left. */
  failure: SpillwayError | undefined
  /** Where on the device this request failed. */
  failed: readonly Failure[]
  serverFailed: boolean
  /** Whether the server was asked a second time. */
  retried: boolean
  /** How late the device would be, where its batches do not say it. */
  readonly late: EstimateSpill | undefined
}

export const createRequestState = (
  { manifest, rows, askedAt }: Pick<RequestState, 'manifest' | 'rows' | 'askedAt'>,
  options: PlacementOptions,
  late?: EstimateSpill,
): RequestState => ({
  manifest,
  rows,
  askedAt,
  options,
  tried: new Set(),
  failure: undefined,
  failed: nothingFailed,
  serverFailed: false,
  retried: false,
  late,
})

/** The request got on: should its place fail now, all may be tried again. */
export function resetAttempts(request: RequestState): void {
  request.tried.clear()
  request.failure = undefined
  request.failed = nothingFailed
  request.serverFailed = false
}

/** Each is tried once. */
export const placeOf = (decision: Decision) =>
  decision.tier === 'server' ? 'server' : placeKey(decision.target)
