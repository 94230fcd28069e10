import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where the build has what a server starts and serves. */
export interface BuiltFiles {
  /** The scripts of a lane and of the offload thread. */
  readonly lane: URL
  readonly offload: URL
  /** The folder of the built-in models. */
  readonly catalogue: string
  /** The folder of the site, which the package does not have. */
  readonly site: string | undefined
}

/** @param script The address of a file in `dist/server`, of the repository or of the package. */
export function builtFiles(script: string): BuiltFiles {
  const from = (path: string) => new URL(path, script)
  const site = fileURLToPath(from('../site'))
  return {
    lane: from('./lane.js'),
    offload: from('./offload.js'),
    catalogue: fileURLToPath(from('../../models/catalogue')),
    site: existsSync(site) ? site : undefined,
  }
}
