import { SpillwayError } from '../../models/core/index.ts'
import type { Log } from '../http/request-log.ts'
import { allVersions, type Catalogue, type CatalogueEntry } from './catalogue.ts'
import type { Inference } from './inference.ts'
import type { TextService } from './text-service.ts'

export interface PrepareOptions {
  readonly inference: Pick<Inference, 'prepare'>
  readonly textService: Pick<TextService, 'prepare'>
  readonly log: Log
}

/** Makes all models ready. Failures are logged; the other models go on. */
export async function prepareModels(catalogue: Catalogue, options: PrepareOptions): Promise<void> {
  await Promise.all(allVersions(catalogue).map((entry) => prepareModel(entry, options)))
}

/**
 * Resolves to why the model could not be loaded; undefined where it could. Its tokenizer is read before: reading a large one takes this thread
 * most of a second, which no request of a ready model should wait for.
 */
export async function prepareModel(
  entry: CatalogueEntry,
  { inference, textService, log }: PrepareOptions,
): Promise<SpillwayError | undefined> {
  const { id } = entry.manifest
  try {
    await textService.prepare(entry)
  } catch (err) {
    log.error({ err }, `The tokenizer of ${id} could not be read`)
  }
  try {
    await inference.prepare(entry)
    return undefined
  } catch (err) {
    log.error({ err }, `${id} could not be loaded`)
    return SpillwayError.from(err, 'lane_failed', `${id} could not be loaded`)
  }
}
