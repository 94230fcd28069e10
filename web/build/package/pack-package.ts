import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Packs a package as npm would publish it. Resolves to the tarball's path. */
export async function packPackage(folder: string, target: string): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--silent', '--pack-destination', target], {
    cwd: folder,
  })
  return join(target, stdout.trim())
}
