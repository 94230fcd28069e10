import type { Reference } from '../../models/core/index.ts'
import type { Log } from '../http/request-log.ts'
import { allVersions, readCatalogue, readReferences } from './catalogue.ts'
import { LiveCatalogue } from './live-catalogue.ts'

/**
 * The models of the folders when the server starts. The log has those with a fault, which are not offered.
 *
 * @throws SpillwayError As `readCatalogue`.
 */
export async function openCatalogue(
  folders: readonly string[],
  log: Pick<Log, 'error'>,
): Promise<LiveCatalogue> {
  const read = await readCatalogue(folders)
  const { faults } = read
  for (const { folder, error: err } of faults)
    log.error({ err, folder }, `${folder} has a fault: its model is not offered`)
  const catalogue = new LiveCatalogue()
  catalogue.replace(allVersions(read), { faults, references: await listReferences(folders, log) })
  return catalogue
}

/** The models on the hub that are listed. @param before Those that stay listed where a list cannot be read. */
export async function listReferences(
  folders: readonly string[],
  log: Pick<Log, 'error'>,
  before: readonly Reference[] = [],
): Promise<readonly Reference[]> {
  try {
    return await readReferences(folders)
  } catch (err) {
    log.error({ err }, 'A list of models on the hub cannot be read')
    return before
  }
}
