import { SpillwayError } from '../../../models/core/index.ts'

/** Features that ONNX Runtime's kernels use where an adapter has them. */
const wanted: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query']

/** Limits whose defaults (256 MiB a buffer, 128 MiB a binding) are too small for real models. */
const raised = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'maxBindGroups',
] as const

/**
 * A device of the best adapter. Our own, and not the runtime's, so that its loss is seen: after it the lane
 * is replaced, because the runtime's next run in the same worker never returns.
 *
 * @throws SpillwayError `lane_failed` where the browser gives none.
 */
export async function requestGpuDevice(onLost: (reason: string) => void): Promise<GPUDevice> {
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) throw new Error('no adapter')
    const device = await adapter.requestDevice({
      label: 'spillway lane',
      requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(raised.map((limit) => [limit, adapter.limits[limit]])),
    })
    void device.lost.then(({ reason, message }) => onLost(`GPU device ${reason}: ${message}`))
    return device
  } catch (cause) {
    throw SpillwayError.from(cause, 'lane_failed', 'The browser gives no WebGPU device')
  }
}
