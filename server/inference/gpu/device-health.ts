import type { Clock } from '../../../models/async/clock.ts'
import { isDeviceLoss, type Lane } from '../../../workers/host/lane-client/lane.ts'
import type { DeviceUse } from '../../../workers/host/pool/devices.ts'

/** Losses within so many milliseconds after which a device counts as broken. One is an accident, such as a reset driver. */
const maxLosses = 2
const windowMs = 60_000

/** How long a broken device is not used: twice as long each time, unless it worked for a while. */
const firstPauseMs = 60_000
const longestPauseMs = 1_800_000
const workedMs = 600_000

export interface DeviceState {
  readonly device: string
  /** Lanes that lost it since the start. */
  readonly losses: number
  readonly isSuspended: boolean
}

export interface DeviceHealthOptions {
  readonly devices: readonly string[]
  readonly clock: Clock
  /** Called when a device is not used for a while. */
  readonly onSuspend: (device: string, forMs: number) => void
  /** Called when it is tried again. */
  readonly onResume: (device: string) => void
}

interface Health {
  losses: number
  recent: number[]
  pauseMs: number
  resumedAt: number
  isSuspended: boolean
}

/** Which GPUs were lost again and again. */
export class DeviceHealth {
  readonly #options: DeviceHealthOptions
  readonly #devices: ReadonlyMap<string, Health>
  #suspensions = 0

  constructor(options: DeviceHealthOptions) {
    this.#options = options
    this.#devices = new Map(
      options.devices.map((device) => [
        device,
        { losses: 0, recent: [], pauseMs: firstPauseMs, resumedAt: 0, isSuspended: false },
      ]),
    )
  }

  /** Counts the device's loss where the lane ends for it. */
  watch(lane: Lane, device: string | undefined): Lane {
    if (device === undefined) return lane
    void lane.lost.then((reason) => {
      if (isDeviceLoss(reason)) this.lost(device)
    })
    return lane
  }

  /** A lane has lost the device. */
  lost(device: string): void {
    const health = this.#devices.get(device)
    if (!health) return
    const { clock, onSuspend, onResume } = this.#options
    const now = clock.now()
    health.losses++
    health.recent = [...health.recent.filter((at) => now - at < windowMs), now]
    if (health.isSuspended || health.recent.length < maxLosses) return
    if (now - health.resumedAt > workedMs) health.pauseMs = firstPauseMs
    const { pauseMs } = health
    health.isSuspended = true
    this.#suspensions++
    health.recent = []
    health.pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    onSuspend(device, pauseMs)
    clock.after(pauseMs, () => {
      health.isSuspended = false
      health.resumedAt = clock.now()
      onResume(device)
    })
  }

  useOf(device: string): DeviceUse {
    if (this.#devices.get(device)?.isSuspended !== true) return 'used'
    return this.isOut ? 'broken' : 'avoided'
  }

  /** How often a device was suspended: what failed on it before may go well elsewhere. */
  get suspensions(): number {
    return this.#suspensions
  }

  /** Whether no device is left. */
  get isOut(): boolean {
    for (const { isSuspended } of this.#devices.values()) if (!isSuspended) return false
    return this.#devices.size > 0
  }

  states(): DeviceState[] {
    return [...this.#devices].map(([device, { losses, isSuspended }]) => ({ device, losses, isSuspended }))
  }
}
