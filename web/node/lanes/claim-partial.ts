import { mkdir, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * The path of a partly downloaded file that is this process's own. One that an ended process has left is taken over, so
 * that its download resumes; that of a running process stays with it.
 */
export async function claimPartial(path: string): Promise<string> {
  const folder = dirname(path)
  const nameOf = (pid: number) => `.${basename(path)}.${pid}.partial`
  const own = join(folder, nameOf(process.pid))
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const pid = Number(/\.(\d+)\.partial$/.exec(name)?.[1])
    if (name !== nameOf(pid) || pid === process.pid || isRunning(pid)) continue
    // Of several processes that try, one gets it.
    await rename(join(folder, name), own).catch(() => undefined)
  }
  return own
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    // A process of another user is one as well.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM'
  }
}
