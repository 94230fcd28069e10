import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

const folders = ['/usr/lib/chromium', '/opt/google/chrome', '/usr/lib/chromium-browser']

const loader = 'libvulkan.so.1'

/** Chromium's software Vulkan driver. */
export interface SoftwareVulkan {
  /** The file that names the driver to the Vulkan loader. */
  readonly driver: string
  /** For a process that is to use it: with Chromium's own loader, as a machine may have no other. */
  readonly env: Readonly<Record<string, string>>
}

/** Undefined where there is none beside Chromium. */
export function softwareVulkan(): SoftwareVulkan | undefined {
  const named = process.env.CHROMIUM_PATH
  const besideNamed = named && existsSync(named) ? [dirname(realpathSync(named))] : []
  const folder = [...besideNamed, ...folders].find((path) =>
    existsSync(join(path, 'vk_swiftshader_icd.json')),
  )
  if (folder === undefined) return undefined
  const driver = join(folder, 'vk_swiftshader_icd.json')
  const path = existsSync(join(folder, loader)) ? { LD_LIBRARY_PATH: folder } : {}
  return { driver, env: { VK_ICD_FILENAMES: driver, ...path } }
}

/** Whether a process finds a Vulkan loader without being told where: the tests' own cannot be told any more. */
export const hasVulkanLoader = (): boolean =>
  ['/usr/lib', '/usr/lib64', '/lib', ...architectureFolders()].some((path) => existsSync(join(path, loader)))

/** Debian's, such as `/usr/lib/x86_64-linux-gnu`. */
const architectureFolders = (): string[] =>
  existsSync('/usr/lib')
    ? readdirSync('/usr/lib')
        .filter((name) => name.endsWith('-linux-gnu'))
        .map((name) => join('/usr/lib', name))
    : []
