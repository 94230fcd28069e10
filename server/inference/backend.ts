import { type Backend, messageOf, SpillwayError } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { LoadRequest } from '../../workers/protocol/lane.ts'
import type { Config } from '../config.ts'

/**
 * The backend of this server's lanes, tried in a lane: libraries may be there and their driver not, and the server's
 * own process loads no native code. `auto` takes CUDA where it works, else the CPU; a GPU through WebGPU is taken by name.
 *
 * @param trial Loads a small model on the backend.
 * @throws SpillwayError `capacity_insufficient` where the backend cannot be had here.
 */
export async function chooseBackend(
  wanted: Config['backend'],
  startLane: () => Lane,
  trial: (backend: Backend) => LoadRequest,
): Promise<Backend> {
  const lane = startLane()
  try {
    const { backends } = await lane.start({ threads: 1 })
    const works = (backend: Backend) =>
      lane.load(trial(backend)).then(
        () => undefined,
        (cause: unknown) => messageOf(cause),
      )
    if (wanted === 'auto') {
      return backends.includes('cuda') && (await works('cuda')) === undefined ? 'cuda' : 'cpu'
    }
    const fault = backends.includes(wanted) ? await works(wanted) : 'ONNX Runtime here does not have it'
    if (fault === undefined) return wanted
    throw new SpillwayError('capacity_insufficient', `The backend "${wanted}" cannot be had here`, {
      expected: `SPILLWAY_BACKEND to be auto, ${backends.join(', ')}`,
      got: fault,
      hint: "WebGPU needs Vulkan, Metal or D3D12; CUDA's libraries come with onnxruntime-node's install script.",
    })
  } finally {
    lane.kill(new SpillwayError('closed', 'The lane was asked for its backends only'))
  }
}
