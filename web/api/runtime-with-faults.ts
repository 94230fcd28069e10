import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { Runtime, RuntimeOptions } from './create-runtime.ts'
import { folderAddress } from './page-address.ts'
import type { Platform } from './platform.ts'
import { type ServerFaults, watchFetch } from './server-faults.ts'
import { browserPlatform } from './start-runtime.ts'
import { startRuntimeOn } from './wire-runtime.ts'

/** Breaks parts of a runtime on purpose. */
export interface Faults extends ServerFaults {
  /** How many times a lane of this name was started. */
  starts(lane: string): number
  /**
   * Ends the worker of a lane at once, in the middle of whatever it runs.
   *
   * @returns Whether the lane had a worker.
   */
  killLane(lane: string): boolean
  /**
   * Ends the workers of all lanes on the GPU, with the reason that they give when their device is lost.
   *
   * @returns Their number.
   */
  loseGpu(): number
}

/** A runtime for development. */
export interface RuntimeWithFaults extends Runtime {
  readonly faults: Faults
  /** Stores what requests have taught of the cost of runs, as a page does when it is hidden. */
  storeMeasurements(): Promise<void>
}

/**
 * Starts a runtime whose lanes and connection can be broken. It runs the same code as any other: lanes are noted when
 * they start, and no request passes through anything of this file but `fetch`, which it replaces on the whole page.
 */
export function startRuntimeWithFaults(options: RuntimeOptions): RuntimeWithFaults {
  const device = new WatchedDevice()
  const runtime = startRuntimeOn(device.watch(browserPlatform), options, systemClock)
  const server = watchFetch(folderAddress(options.server ?? '/'), systemClock)
  const faults: Faults = Object.assign(server, {
    starts: (lane: string) => device.starts(lane),
    killLane: (lane: string) => device.kill(lane),
    loseGpu: () => device.loseGpu(),
  })
  return Object.assign(runtime, { faults, storeMeasurements: () => device.storeMeasurements() })
}

/** The device of one runtime. */
class WatchedDevice {
  readonly #lanes = new Map<string, { readonly lane: Lane; readonly isOnGpu: boolean }>()
  readonly #starts = new Map<string, number>()

  /** Resolves once measurements are stored; there is nothing to store before the device is opened. */
  storeMeasurements: () => Promise<void> = async () => {}

  watch(platform: Platform): Platform {
    return {
      ...platform,
      openDevice: (setup) => {
        const parts = platform.openDevice(setup)
        this.storeMeasurements = () => parts.calibrations.writeBack()
        return {
          ...parts,
          startLane: (name, place) => {
            const lane = parts.startLane(name, place)
            this.#lanes.set(name, { lane, isOnGpu: place.backend === 'webgpu' })
            this.#starts.set(name, this.starts(name) + 1)
            void lane.lost.then(() => {
              if (this.#lanes.get(name)?.lane === lane) this.#lanes.delete(name)
            })
            return lane
          },
        }
      },
    }
  }

  starts(name: string): number {
    return this.#starts.get(name) ?? 0
  }

  kill(name: string): boolean {
    const found = this.#lanes.get(name)
    found?.lane.kill(new SpillwayError('lane_lost', 'The lane ended: it was killed on purpose'))
    return found !== undefined
  }

  loseGpu(): number {
    const onGpu = [...this.#lanes.values()].filter(({ isOnGpu }) => isOnGpu)
    for (const { lane } of onGpu)
      lane.kill(new SpillwayError('lane_lost', 'The lane ended: GPU device lost on purpose'))
    return onGpu.length
  }
}
