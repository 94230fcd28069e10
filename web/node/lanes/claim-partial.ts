import { mkdir, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * The path of a partly downloaded file that is this process's own. One that an ended process has left is taken over, so
 * that its download resumes; that of a running process stays with it.
 */
export async function claimPartial(path: string): Promise<string> {
  const folder = dirname(path)
  const own = join(folder, nameOf(path, process.pid))
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const pid = processOf(name)
    if (pid === undefined || !isPartialOf(name, path) || pid === process.pid || isRunning(pid)) continue
    // Of several processes that try, one gets it.
    await rename(join(folder, name), own).catch(() => undefined)
  }
  return own
}

/** Whether a name in the file's folder is that of a part of the file. */
export function isPartialOf(name: string, path: string): boolean {
  const pid = processOf(name)
  return pid !== undefined && name === nameOf(path, pid)
}

const nameOf = (path: string, pid: number): string => `.${basename(path)}.${pid}.partial`

function processOf(name: string): number | undefined {
  const [, pid] = /\.(\d+)\.partial$/.exec(name) ?? []
  return pid === undefined ? undefined : Number(pid)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    // A process of another user is one as well.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM'
  }
}
