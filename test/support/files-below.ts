import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of the files below a folder whose names end so, generated code and packages left out. */
export const filesBelow = (folder: string, ending: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'generated') return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path, ending)
    return entry.name.endsWith(ending) ? [path] : []
  })
