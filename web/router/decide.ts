import {
  type Manifest,
  type Placement,
  type Policy,
  SpillwayError,
  type Variant,
} from '../../models/index.ts'
import type { Capacity } from '../capacity/capacity.ts'

/** Backends of the device, best first. */
export type DeviceBackend = 'webgpu' | 'wasm'

/** What changes from one request to the next. */
export interface Live {
  readonly server: 'available' | 'unavailable' | 'absent'
  /** Device backends on which the model failed a short while ago, with the reason in words. */
  readonly failed: Readonly<Partial<Record<DeviceBackend, string>>>
  /** Whether the model is loaded where `fitDevice` would run it. */
  readonly loaded: boolean
  /** When each tier would answer, in milliseconds, where the device is so late that the server is asked. */
  readonly late: { readonly deviceMs: number; readonly serverMs: number } | undefined
}

type Why = Pick<Placement, 'reason' | 'because'>

export type Decision =
  | ({ readonly tier: 'device'; readonly fit: Fit } & Why)
  | ({ readonly tier: 'server' } & Why)

/** How the device would run the model. */
export interface Fit {
  readonly backend: DeviceBackend
  readonly variant: Variant
  readonly because: string
}

/** Why it cannot. */
export interface Obstacle extends Why {
  readonly error: SpillwayError
}

/**
 * Where a request runs. Pure: the same arguments give the same placement.
 * A tier that is the only one left is tried even when it looked unavailable.
 *
 * @throws SpillwayError `capacity_insufficient` or `server_absent` where the policy leaves no tier.
 */
export function decide(capacity: Capacity, manifest: Manifest, policy: Policy, live: Live): Decision {
  const device = fitDevice(capacity, manifest, live.failed)
  const canAsk = live.server === 'available'
  switch (policy) {
    case 'device': {
      const only = retry(capacity, manifest, device)
      if ('error' in only) throw only.error
      return onDevice(only, 'policy', `The policy is "device": ${only.because}`)
    }
    case 'server':
      if (live.server === 'absent') throw noServer(policy)
      return onServer('policy', 'The policy is "server"')
    case 'prefer-server':
      if (canAsk) return onServer('preferred', 'The policy prefers the server')
      if ('error' in device) return lastResort(capacity, manifest, device, live)
      return onDevice(
        device,
        'server-unavailable',
        'The server does not answer, and the device can run the model',
      )
    case 'prefer-device':
      if ('error' in device) return lastResort(capacity, manifest, device, live)
      return onDevice(device, 'preferred', `The policy prefers the device: ${device.because}`)
    case 'auto':
      if ('error' in device) return lastResort(capacity, manifest, device, live)
      if (!live.loaded && canAsk) return onServer('bridge', 'The device is still loading the model')
      if (live.late && canAsk) return onServer('spill', whySpill(live.late))
      return onDevice(device, 'device-capable', device.because)
  }
}

/** The best backend that the device has and the first variant that fits it, or what stands in the way. */
export function fitDevice(capacity: Capacity, manifest: Manifest, failed: Live['failed']): Fit | Obstacle {
  if (!capacity.wasm.simd) {
    return obstacle('device-without-simd', 'WebAssembly with SIMD', 'a browser without it')
  }
  const variant = manifest.variants.find(({ memory }) => memory <= capacity.memoryBudget)
  if (!variant) {
    const least = Math.min(...manifest.variants.map(({ memory }) => memory))
    return obstacle(
      'model-too-large',
      `${mebibytes(least)} of memory for the model`,
      mebibytes(capacity.memoryBudget),
    )
  }
  if (capacity.gpu && !capacity.gpu.software && failed.webgpu === undefined) {
    return {
      backend: 'webgpu',
      variant,
      because: `The device has a GPU (${capacity.gpu.vendor || 'unnamed'})`,
    }
  }
  if (failed.wasm === undefined) return { backend: 'wasm', variant, because: whyWasm(capacity, failed) }
  return {
    ...obstacle('device-failed', 'a session on the device', failed.wasm),
    because: `The device failed: ${failed.wasm}`,
  }
}

function whyWasm({ gpu, wasm: { threads } }: Capacity, failed: Live['failed']): string {
  const how = threads === 1 ? 'WebAssembly on one thread' : `WebAssembly on ${threads} threads`
  if (failed.webgpu !== undefined) return `WebGPU failed (${failed.webgpu}), so ${how}`
  return gpu ? `The WebGPU adapter is software, so ${how}` : `The device has no WebGPU, so ${how}`
}

const whySpill = ({ deviceMs, serverMs }: NonNullable<Live['late']>) =>
  `The device would answer in ${Math.round(deviceMs)} ms, the server in ${Math.round(serverMs)} ms`

const onDevice = (fit: Fit, reason: Placement['reason'], because: string): Decision => ({
  tier: 'device',
  fit,
  reason,
  because,
})

const onServer = (reason: Placement['reason'], because: string): Decision => ({
  tier: 'server',
  reason,
  because,
})

function lastResort(capacity: Capacity, manifest: Manifest, device: Obstacle, live: Live): Decision {
  if (live.server !== 'absent') return onServer(device.reason, device.because)
  const only = retry(capacity, manifest, device)
  if ('error' in only) throw only.error
  return onDevice(only, 'server-unavailable', `There is no server: ${only.because}`)
}

/** The device again where nothing but a late failure speaks against it and nothing else is left. */
const retry = (capacity: Capacity, manifest: Manifest, device: Fit | Obstacle): Fit | Obstacle =>
  'error' in device && device.reason === 'device-failed' ? fitDevice(capacity, manifest, {}) : device

const obstacle = (reason: Placement['reason'], expected: string, got: string): Obstacle => ({
  reason,
  because: `The model needs ${expected}; the device has ${got}`,
  error: new SpillwayError('capacity_insufficient', 'The device cannot run the model', {
    expected,
    got,
    hint: 'Allow the server: policy "auto", and a runtime with a server.',
  }),
})

const noServer = (policy: Policy) =>
  new SpillwayError('server_absent', `Policy "${policy}" needs a server and the runtime has none`, {
    hint: 'Give createRuntime a server, or use policy "device".',
  })

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
