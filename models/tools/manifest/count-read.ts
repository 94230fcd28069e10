import { openFolder } from './local-folder.ts'

/** Adds up what is read of a folder's files, against all that there is. */
export function countRead(
  folder: string,
  tell: (done: number, total: number) => void,
): (bytes: number) => void {
  const total = [...openFolder(folder).sizes.values()].reduce((sum, size) => sum + size, 0)
  let done = 0
  return (bytes) => {
    done += bytes
    tell(Math.min(done, total), total)
  }
}
