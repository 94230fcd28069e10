import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packPackage } from '../../web/build/package/pack-package.ts'
import { builtPackage } from './built-package.ts'
import { emptyFolder } from './test-models.ts'

const run = promisify(execFile)

/** An application in a folder of its own, in which the packed tarball is installed. */
export interface InstalledPackage {
  readonly folder: string
  /** The package as npm installed it. */
  readonly installed: string
  /** The tarball's path. */
  readonly tarball: string
}

/** Packs the package, and installs it from the tarball: without a network, since it needs no other package. */
export async function installPackage(source: string): Promise<InstalledPackage> {
  const folder = await emptyFolder()
  const tarball = await packPackage(builtPackage, folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
  })
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'src/main.js'), source)
  return { folder, installed: join(folder, 'node_modules/spillway'), tarball }
}

/** A page that runs one module script. */
export async function writePage(folder: string, script: string, head = ''): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'index.html'),
    `<!doctype html><html lang="en"><title>App</title>${head}<script type="module" src="${script}"></script>`,
  )
}
