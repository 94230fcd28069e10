import { homedir } from 'node:os'
import { join } from 'node:path'

/** Spillway's folder among the user's caches, where this system has them. */
export function cacheFolder(
  { env, platform }: Pick<NodeJS.Process, 'env' | 'platform'> = process,
  home = homedir(),
): string {
  const caches =
    env.XDG_CACHE_HOME ||
    (platform === 'win32' && env.LOCALAPPDATA) ||
    join(home, platform === 'darwin' ? 'Library/Caches' : '.cache')
  return join(caches, 'spillway')
}
