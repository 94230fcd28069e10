import { messageOf } from '../../../models/core/index.ts'

/** Words of Dawn and of Vulkan for a device that answers no more. ONNX Runtime passes them on in its own errors. */
const webGpu = /\[?\bdevice\]? (?:is|was) lost|device lost|VK_ERROR_DEVICE_LOST|instance (?:was )?dropped/i

/**
 * CUDA's errors after which every call of the process fails, by number: the device is unavailable (46), its memory or its
 * links have an uncorrectable error (214, 220), a kernel has read a wrong address, hung or failed (700, 702, 710, 714 to
 * 719), or the driver does not know (999). Too little memory (2) is none of them.
 */
const cuda = /\bCUDA (?:failure|error) (?:46|214|220|700|702|710|71[4-9]|999)\b/i

/** What the runtime gave as the reason where a run failed because its GPU is lost; undefined for other failures. */
export function deviceLoss(cause: unknown): string | undefined {
  const message = messageOf(cause)
  const found = webGpu.exec(message) ?? cuda.exec(message)
  if (!found) return undefined
  // Before it stand a path and a line of the runtime's source.
  const [reason = ''] = message.slice(found.index).split('\n')
  return reason.trim().slice(0, mostCharacters)
}

const mostCharacters = 200
