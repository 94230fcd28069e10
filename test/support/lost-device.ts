import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { softwareVulkan } from './software-vulkan.ts'

/** A software GPU whose device can be lost, as Vulkan reports it: `VK_ERROR_DEVICE_LOST`. */
export interface LosableGpu {
  /** Vendor and device, as Vulkan has them. */
  readonly name: string
  /** From now on every device is lost at its next work, those of new processes included. */
  lose(): void
  /** New processes have a working device again. */
  repair(): void
}

export interface LosableGpus {
  /** For a process that has these GPUs and no other. */
  readonly env: Readonly<Record<string, string>>
  readonly gpus: readonly LosableGpu[]
}

const source = fileURLToPath(new URL('lost-device.c', import.meta.url))

/** SwiftShader's number. */
const vendor = '1ae0'

/** Builds drivers of so many GPUs. A text says why that is not possible here. */
export function losableGpus(count: number): LosableGpus | string {
  const software = softwareVulkan()
  if (software === undefined) return 'no software Vulkan driver beside Chromium'
  const folder = mkdtempSync(join(tmpdir(), 'spillway-gpu-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const { ICD } = JSON.parse(readFileSync(software.driver, 'utf8'))
  const library = resolve(dirname(software.driver), ICD.library_path)
  const descriptions: string[] = []
  const gpus: LosableGpu[] = []
  for (let number = 1; number <= count; number++) {
    const built = join(folder, `gpu-${number}.so`)
    const lost = join(folder, `lost-${number}`)
    const defined = [`-DDEVICE_ID=${number}`, `-DLOSE_FILE="${lost}"`, `-DDRIVER="${library}"`]
    try {
      execFileSync('cc', ['-shared', '-fPIC', ...defined, '-o', built, source, '-ldl'], { stdio: 'pipe' })
    } catch {
      return 'no C compiler for the driver whose device can be lost'
    }
    const path = join(folder, `gpu-${number}.json`)
    const description = {
      file_format_version: '1.0.0',
      ICD: { library_path: built, api_version: ICD.api_version },
    }
    writeFileSync(path, JSON.stringify(description))
    descriptions.push(path)
    gpus.push({
      name: `${vendor}:${number}`,
      lose: () => writeFileSync(lost, ''),
      repair: () => rmSync(lost, { force: true }),
    })
  }
  return { env: { ...software.env, VK_ICD_FILENAMES: descriptions.join(':') }, gpus }
}
