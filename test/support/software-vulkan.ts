import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

const folders = ['/usr/lib/chromium', '/opt/google/chrome', '/usr/lib/chromium-browser']

/** The file that names Chromium's software Vulkan driver to the Vulkan loader; undefined where there is none. */
export function softwareVulkan(): string | undefined {
  const named = process.env.CHROMIUM_PATH
  const besideNamed = named && existsSync(named) ? [dirname(realpathSync(named))] : []
  return [...besideNamed, ...folders]
    .map((folder) => join(folder, 'vk_swiftshader_icd.json'))
    .find((path) => existsSync(path))
}
