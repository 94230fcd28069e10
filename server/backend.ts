import { type Backend, SpillwayError } from '../models/index.ts'
import type { Lane } from '../workers/lane/lane.ts'
import type { Config } from './config.ts'

/**
 * The backend of this server's lanes, asked of a lane: the server's own process loads no native code.
 * `auto` takes CUDA where its libraries are installed, else the CPU; a GPU through WebGPU is taken by name.
 *
 * @throws SpillwayError `capacity_insufficient` where the runtime here does not have the backend.
 */
export async function chooseBackend(wanted: Config['backend'], lane: Lane): Promise<Backend> {
  try {
    const { backends } = await lane.start({ threads: 1 })
    if (wanted === 'auto') return backends.includes('cuda') ? 'cuda' : 'cpu'
    if (backends.includes(wanted)) return wanted
    throw new SpillwayError(
      'capacity_insufficient',
      `ONNX Runtime on this machine has no backend "${wanted}"`,
      {
        expected: `SPILLWAY_BACKEND to be auto, ${backends.join(', ')}`,
        got: wanted,
        hint: "CUDA's libraries come with onnxruntime-node's install script.",
      },
    )
  } finally {
    lane.kill(new SpillwayError('closed', 'The lane was asked for its backends only'))
  }
}
