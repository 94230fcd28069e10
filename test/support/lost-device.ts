import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { softwareVulkan } from './software-vulkan.ts'

/** A software GPU whose device can be lost, as Vulkan reports it: `VK_ERROR_DEVICE_LOST`. */
export interface LosableGpu {
  /** For the process of a lane, or of a server. */
  readonly env: Readonly<Record<string, string>>
  /** From now on every device is lost at its next work, those of new processes included. */
  lose(): void
  /** New processes have a working device again. */
  repair(): void
}

const source = fileURLToPath(new URL('lost-device.c', import.meta.url))

/** Builds the driver. A text says why that is not possible here. */
export function losableGpu(): LosableGpu | string {
  const driver = softwareVulkan()
  if (driver === undefined) return 'no software Vulkan driver beside Chromium'
  const folder = mkdtempSync(join(tmpdir(), 'spillway-gpu-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const library = join(folder, 'lost-device.so')
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'pipe' })
  } catch {
    return 'no C compiler for the driver whose device can be lost'
  }
  const { ICD } = JSON.parse(readFileSync(driver, 'utf8'))
  const named = join(folder, 'icd.json')
  const description = {
    file_format_version: '1.0.0',
    ICD: { library_path: library, api_version: ICD.api_version },
  }
  writeFileSync(named, JSON.stringify(description))
  const file = join(folder, 'lost')
  return {
    env: {
      VK_ICD_FILENAMES: named,
      LOSE_DRIVER: resolve(dirname(driver), ICD.library_path),
      LOSE_FILE: file,
    },
    lose: () => writeFileSync(file, ''),
    repair: () => rmSync(file, { force: true }),
  }
}
