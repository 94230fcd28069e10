import type { Backend } from '../../../models/core/index.ts'
import type { Log } from '../../http/request-log.ts'
import type { CatalogueEntry } from '../catalogue.ts'
import type { Measured } from './model-backends.ts'

/** What an operator should know about the GPUs. */
export interface GpuReports {
  /** A device was lost again and again, and is not used for a while. */
  onSuspend(device: string, forMs: number): void
  onResume(device: string): void
  onMeasured(entry: CatalogueEntry, chosen: Backend, measured: readonly Measured[]): void
}

export const gpuReportsTo = (log: Log): GpuReports => ({
  onSuspend: (device, forMs) =>
    log.error(
      { device, seconds: forMs / 1000 },
      'A GPU was lost again and again and is not used for a while. Without another one its models run on the CPU.',
    ),
  onResume: (device) => log.warn({ device }, 'A GPU that was lost is tried again'),
  onMeasured: ({ manifest: { id, version } }, backend, measured) =>
    log.info({ model: id, version, backend, measured }, 'Backend chosen by measurement'),
})
