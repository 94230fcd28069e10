import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Whether this machine has a GPU, and whether a lane uses one: WebGPU also works on the CPU, far slower than the CPU backend. */
export interface Hardware {
  hasGpu(): Promise<boolean>
  isUsedBy(pid: number | undefined): Promise<boolean>
}

/** Files of the drivers of Linux (Mesa's, NVIDIA's, WSL's) by which a process reaches a GPU. */
const gpuFile = /^\/dev\/(?:dri\/renderD\d+|nvidia\d+|dxg)$/

const filesIn = (folder: string) => readdir(folder).catch(() => [])

/** @param root The folder that has `dev` and `proc`. */
export const linuxHardware = (root = '/'): Hardware => ({
  hasGpu: async () => {
    const [devices, renderers] = await Promise.all([
      filesIn(join(root, 'dev')),
      filesIn(join(root, 'dev/dri')),
    ])
    const paths = [...devices.map((name) => `/dev/${name}`), ...renderers.map((name) => `/dev/dri/${name}`)]
    return paths.some((path) => gpuFile.test(path))
  },
  isUsedBy: async (pid) => {
    const folder = join(root, 'proc', String(pid), 'fd')
    const names = await filesIn(folder)
    const open = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => '')))
    return open.some((path) => gpuFile.test(path))
  },
})

/** Every Mac has a GPU. On Windows a software adapter cannot be told from a GPU, so that WebGPU has to be asked for. */
export const systemHardware = (): Hardware =>
  process.platform === 'linux'
    ? linuxHardware()
    : {
        hasGpu: async () => process.platform === 'darwin',
        isUsedBy: async () => process.platform === 'darwin',
      }
