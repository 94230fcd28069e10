import { type Backend, messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { ProcessLane } from '../../../workers/host/lane-client/node/start-process-lane.ts'
import type { LanePlace } from '../../../workers/host/pool/pool.ts'
import type { LoadRequest } from '../../../workers/protocol/lane.ts'
import type { Config } from '../../config.ts'
import { defaultDevice } from './devices.ts'
import type { Hardware } from './hardware.ts'

export interface BackendTrial {
  readonly startLane: (place: LanePlace) => ProcessLane
  /** Each of them has to work. */
  readonly devices: readonly string[]
  /** The request that loads a small model on the backend. */
  readonly request: (backend: Backend) => LoadRequest
  readonly hardware: Hardware
}

/**
 * The backends that models may run on: the configured one; of `auto` those that work on this machine, the CPU last. Each
 * loads a small model in a lane: a library may be installed without its driver, and the server's own process loads no
 * native code. WebGPU without a GPU is no candidate, though it works.
 *
 * @throws SpillwayError `capacity_insufficient` where the configured backend does not work on this machine.
 */
export async function chooseBackends(
  configured: Config['backend'],
  { startLane, devices, request, hardware }: BackendTrial,
): Promise<readonly Backend[]> {
  /** Why the backend does not work; undefined where it does. */
  const failureOf = (backend: Backend, lane: ProcessLane) =>
    lane
      .load(request(backend))
      .then(() => lane.warmUp(request(backend).session))
      .then(({ fault }) => fault, messageOf)
  const worksOn = (backend: Backend, device: string) =>
    inLane(startLane({ backend, device }), async (lane) => {
      if ((await failureOf(backend, lane)) !== undefined) return false
      return backend !== 'webgpu' || hardware.isUsedBy(lane.pid)
    })
  const works = async (backend: Backend) => {
    try {
      for (const device of devices) if (!(await worksOn(backend, device))) return false
      return true
    } catch {
      return false
    }
  }

  if (configured === 'auto') {
    const included = await inLane(
      startLane({ backend: 'cpu', device: undefined }),
      async (_lane, backends) => backends,
    )
    const mayWork: readonly Backend[] = (await hardware.hasGpu()) ? ['cuda', 'webgpu'] : ['cuda']
    const working: Backend[] = []
    for (const backend of mayWork)
      if (included.includes(backend) && (await works(backend))) working.push(backend)
    return [...working, 'cpu']
  }
  for (const device of configured === 'cpu' ? [undefined] : devices) {
    await inLane(startLane({ backend: configured, device }), async (lane, backends) => {
      const failure = backends.includes(configured)
        ? await failureOf(configured, lane)
        : 'this build of ONNX Runtime does not include it'
      if (failure !== undefined) throw doesNotWork(configured, device, backends, failure)
    })
  }
  return [configured]
}

const doesNotWork = (
  backend: Backend,
  device: string | undefined,
  backends: readonly Backend[],
  failure: string,
) =>
  new SpillwayError(
    'capacity_insufficient',
    device === undefined || device === defaultDevice
      ? `The backend "${backend}" does not work on this machine`
      : `The backend "${backend}" does not work on the device "${device}"`,
    {
      expected: `SPILLWAY_BACKEND to be one of auto, ${backends.join(', ')}`,
      got: failure,
      hint: "WebGPU needs Vulkan, Metal or D3D12; CUDA's libraries come with onnxruntime-node's install script.",
    },
  )

async function inLane<T>(
  lane: ProcessLane,
  use: (lane: ProcessLane, backends: readonly Backend[]) => Promise<T>,
): Promise<T> {
  try {
    return await use(lane, (await lane.start({ threads: 1 })).backends)
  } finally {
    lane.kill(new SpillwayError('closed', 'The lane was started only to try its backends'))
  }
}
