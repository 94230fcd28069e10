import { cp, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtPackage } from './built-package.ts'
import { emptyFolder } from './test-models.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A folder of packages that has Spillway, and the packages of this repository under their names. */
export async function packagesWithSpillway(names: readonly string[]): Promise<string> {
  const packages = join(await emptyFolder(), 'node_modules')
  await mkdir(packages, { recursive: true })
  await cp(builtPackage, join(packages, 'spillway'), { recursive: true })
  for (const name of names) {
    await mkdir(dirname(join(packages, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(packages, name))
  }
  return packages
}

/** Copies an example beside the packages that it imports. @returns Its folder. */
export async function copyExample(name: string, packages: string): Promise<string> {
  const folder = join(dirname(packages), name)
  await cp(join(root, 'web/examples', name), folder, { recursive: true })
  return folder
}
