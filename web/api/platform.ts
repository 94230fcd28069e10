import type { Clock } from '../../models/async/clock.ts'
import type { LaneLimits } from '../../workers/host/lane-client/lane.ts'
import type { Cutting } from '../../workers/host/scheduler/cutting.ts'
import type { Calibrations } from '../device/calibration/calibrations.ts'
import type { Capacity } from '../device/capacity.ts'
import type { DeviceOptions } from '../device/device-tier.ts'
import type { SecondBackend } from '../placement/second-backend.ts'
import type { RequestHeaders } from '../remote/request-headers.ts'
import type { CatalogueOptions } from '../store/catalogue.ts'
import type { ModelStorage } from '../store/storage/model-storage.ts'
import type { ModelStore } from '../store/storage/model-store.ts'

export interface DeviceSetup {
  readonly clock: Clock
  /** As the options of the runtime. */
  readonly memoryBytes: number | undefined
  readonly maxLanes: number | undefined
  readonly limits: LaneLimits
  /** The capacity, probed once. */
  readonly capacity: () => Promise<Capacity>
}

/** What runs and keeps models here. */
export interface DeviceParts {
  /** The most bytes of all sessions in all lanes. */
  readonly memoryBytes: number
  /** Queries the device; called once. */
  readonly probe: () => Promise<Capacity>
  readonly store: ModelStore
  readonly files: DeviceOptions['store'] & { close(): void }
  /** The stored models. Default: those of `store`. */
  readonly storage?: ModelStorage
  readonly calibrations: Calibrations
  readonly layouts: DeviceOptions['layouts']
  readonly startLane: DeviceOptions['startLane']
}

/** What a runtime takes from the place where it runs: a page, or a program that has no device of ours. */
export interface Platform {
  /** Where relative addresses begin without a server. Default: the page's root. */
  readonly base?: URL
  /** How models are found. Default: by HTTP. */
  readonly sources?: CatalogueOptions['sources']
  /** Starts nothing yet. */
  readonly openDevice: (setup: DeviceSetup) => DeviceParts
  /** The headers of requests to a server that asks for a key. @throws SpillwayError `input_value_invalid` for a key of another kind. */
  readonly keyHeaders: (server: URL, key: string, clock: Clock) => RequestHeaders
  /** Imports what is needed after the first manifest. */
  readonly importModelCode: () => Promise<
    Pick<typeof import('./model-code.ts'), 'advise' | 'forceVariant' | 'infer' | 'refuseForced'> & {
      readonly cutting?: Cutting
      readonly SecondBackend?: typeof SecondBackend
    }
  >
}
