import type { Registry } from 'prom-client'
import { allVersions, type Catalogue } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import { collectedCounter, collectedGauge } from './collected.ts'

/** The GPUs' losses, and what models took on the backends among which they were measured. */
export function gpuMetrics(
  registry: Registry,
  catalogue: Catalogue,
  inference: Pick<Inference, 'gpuStates' | 'measured'>,
): void {
  collectedCounter(
    registry,
    'spillway_device_losses_total',
    'Lanes that ended because their GPU was lost.',
    ['device'],
    function* () {
      for (const { device, losses } of inference.gpuStates()) yield [{ device }, losses]
    },
  )
  collectedGauge(
    registry,
    'spillway_device_suspended',
    '1 while a GPU is not used because it was lost again and again; without another one its models run on the CPU.',
    ['device'],
    function* () {
      for (const { device, isSuspended } of inference.gpuStates()) yield [{ device }, Number(isSuspended)]
    },
  )
  collectedGauge(
    registry,
    'spillway_backend_measured_seconds',
    'Seconds a row, or a token of a language model, when the backend was chosen: alone, and at full load.',
    ['model', 'version', 'backend', 'load'],
    function* () {
      for (const entry of allVersions(catalogue)) {
        const { id: model, version } = entry.manifest
        for (const { backend, oneMs, fullMs } of inference.measured(entry)) {
          yield [{ model, version, backend, load: 'one' }, oneMs / 1000]
          yield [{ model, version, backend, load: 'full' }, fullMs / 1000]
        }
      }
    },
  )
}
