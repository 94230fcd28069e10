import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import { type Layout, processLayouts } from '../../../workers/host/pool/lane-layout.ts'

/** The name of a GPU that the runtime chooses by itself, as `SPILLWAY_DEVICES` is not set. */
export const defaultDevice = 'gpu'

const vulkanIds = /^([0-9a-f]{4,8}):([0-9a-f]{1,8})$/i
const pciTag = /^pci-[0-9a-f]{4}_[0-9a-f]{2}_[0-9a-f]{2}_[0-9a-f]$/i

/**
 * The variables by which a lane's process sees one GPU only, or that one first. onnxruntime-node's WebGPU takes the first
 * one that Vulkan lists, and has no option for another.
 *
 * @throws SpillwayError `capacity_insufficient` where the backend cannot choose a GPU by such a name.
 */
export function deviceEnv(backend: Backend, device: string | undefined): Record<string, string> {
  if (device === undefined || device === defaultDevice || backend === 'cpu') return {}
  // Numbers as nvidia-smi has them; by default CUDA counts the fastest first.
  if (backend === 'cuda') return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: device }
  const [, vendor, id] = vulkanIds.exec(device) ?? []
  // The first is read by Vulkan's loader, the second by Mesa's layer where the loader is older.
  if (vendor && id)
    return { VK_LOADER_DEVICE_SELECT: `0x${vendor}:0x${id}`, MESA_VK_DEVICE_SELECT: `${vendor}:${id}` }
  if (pciTag.test(device)) return { DRI_PRIME: device }
  throw new SpillwayError('capacity_insufficient', `WebGPU cannot choose the device "${device}"`, {
    expected: 'vendor and device as Vulkan has them, such as "10de:2330", or "pci-0000_65_00_0"',
    got: device,
    hint: 'Numbers name devices of CUDA. Start a server for each GPU where they cannot be told apart.',
  })
}

/** A GPU has one lane, and a second only where measurements show that it is faster. */
export const layoutsOf = (backend: Backend, cores: number, devices: number): readonly Layout[] =>
  backend === 'cpu' ? processLayouts(cores) : [devices, 2 * devices].map((lanes) => ({ lanes, threads: 1 }))
