import { SpillwayError } from '../../../models/core/index.ts'

/** Features that ONNX Runtime's kernels use where an adapter has them. */
const usedFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query']

/** Limits whose defaults (256 MiB a buffer, 128 MiB a binding) are too small for real models. */
const raisedLimits = [
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
 * A device of the best adapter. The lane makes it, not the runtime, so that the lane sees its loss. After the loss the
 * lane must be replaced: the runtime's next run in the same worker never returns. An error that nobody awaits counts as a
 * loss: a command of a session's load, or of the lane's own keys and values, was not done, and later runs would end well
 * with wrong values. The runtime awaits the errors of its runs itself (`validationMode`).
 *
 * @throws SpillwayError `lane_failed` where the browser provides none.
 */
export async function requestGpuDevice(onLost: (reason: string) => void): Promise<GPUDevice> {
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) throw new Error('no adapter')
    const device = await adapter.requestDevice({
      label: 'spillway lane',
      requiredFeatures: usedFeatures.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(raisedLimits.map((limit) => [limit, adapter.limits[limit]])),
    })
    device.addEventListener('uncapturederror', ({ error }) => onLost(`GPU device error: ${error.message}`))
    void device.lost.then(({ reason, message }) => onLost(`GPU device ${reason}: ${message}`))
    return device
  } catch (cause) {
    throw SpillwayError.from(cause, 'lane_failed', 'The browser provides no WebGPU device')
  }
}
