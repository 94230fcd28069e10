import { type Backend, messageOf, SpillwayError } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { LoadRequest } from '../../workers/protocol/lane.ts'
import type { Config } from '../config.ts'

/**
 * Chooses the backend of this server's lanes by loading a small model in a lane: a library may be installed without its
 * driver, and the server's own process loads no native code. `auto` means CUDA where it works, else the CPU; WebGPU has
 * to be asked for by name.
 *
 * @param trial The request that loads a small model on the backend.
 * @throws SpillwayError `capacity_insufficient` where the backend does not work on this machine.
 */
export async function chooseBackend(
  configured: Config['backend'],
  startLane: () => Lane,
  trial: (backend: Backend) => LoadRequest,
): Promise<Backend> {
  const lane = startLane()
  try {
    const { backends } = await lane.start({ threads: 1 })
    const failureOf = (backend: Backend) =>
      lane
        .load(trial(backend))
        .then(() => lane.warmUp(trial(backend).session))
        .then(({ fault }) => fault, messageOf)
    if (configured === 'auto') {
      return backends.includes('cuda') && (await failureOf('cuda')) === undefined ? 'cuda' : 'cpu'
    }
    const failure = backends.includes(configured)
      ? await failureOf(configured)
      : 'this build of ONNX Runtime does not include it'
    if (failure === undefined) return configured
    throw new SpillwayError(
      'capacity_insufficient',
      `The backend "${configured}" does not work on this machine`,
      {
        expected: `SPILLWAY_BACKEND to be one of auto, ${backends.join(', ')}`,
        got: failure,
        hint: "WebGPU needs Vulkan, Metal or D3D12; CUDA's libraries come with onnxruntime-node's install script.",
      },
    )
  } finally {
    lane.kill(new SpillwayError('closed', 'The lane was started only to try its backends'))
  }
}
