import { SpillwayError } from '../../models/core/index.ts'
import type { Log } from '../http/request-log.ts'
import { allVersions, type Catalogue, type CatalogueEntry } from './catalogue.ts'
import type { Inference } from './inference.ts'
import type { LiveCatalogue } from './live-catalogue.ts'
import type { TextService } from './text-service.ts'

export interface PrepareOptions {
  readonly catalogue: Pick<LiveCatalogue, 'noteLoad'>
  readonly inference: Pick<Inference, 'prepare'>
  readonly textService: Pick<TextService, 'prepare'>
  readonly log: Log
}

/** Makes all models ready. Failures are logged; the other models go on. */
export async function prepareModels(
  options: PrepareOptions & { readonly catalogue: Pick<Catalogue, 'versions'> },
): Promise<void> {
  await Promise.all(allVersions(options.catalogue).map((entry) => prepareModel(entry, options)))
}

/**
 * Resolves to why the model could not be loaded; undefined where it could. Its tokenizer is read before: reading a large one takes this thread
 * most of a second, which no request of a ready model should wait for.
 */
export async function prepareModel(
  entry: CatalogueEntry,
  { catalogue, inference, textService, log }: PrepareOptions,
): Promise<SpillwayError | undefined> {
  const { id, version } = entry.manifest
  const noteLoad = (isLoaded: boolean) => {
    // An engine that does not answer may answer the next moment.
    const chosen = entry.upstream ? undefined : catalogue.noteLoad(entry, isLoaded)
    if (!chosen) return
    const line = { model: id, version: chosen.manifest.version }
    if (isLoaded) log.info(line, `${id} answers with version ${version} again`)
    else log.warn(line, `${id} answers with version ${line.version}: ${version} could not be loaded`)
  }
  try {
    await textService.prepare(entry)
  } catch (err) {
    log.error({ err }, `The tokenizer of ${id} could not be read`)
  }
  try {
    await inference.prepare(entry)
    noteLoad(true)
    return undefined
  } catch (err) {
    log.error({ err }, `${id} could not be loaded`)
    noteLoad(false)
    return SpillwayError.from(err, 'lane_failed', `${id} could not be loaded`)
  }
}
