import type { Log } from '../http/request-log.ts'
import type { Catalogue } from './catalogue.ts'
import type { Inference } from './inference.ts'
import type { TextService } from './text-service.ts'

/**
 * Makes all models ready. A model's tokenizer is read before the model is loaded: reading a large one takes this thread
 * most of a second, which no request of a ready model should wait for. Failures are logged; the other models go on.
 */
export async function prepareModels(
  catalogue: Catalogue,
  inference: Pick<Inference, 'prepare'>,
  textService: Pick<TextService, 'prepare'>,
  log: Log,
): Promise<void> {
  await Promise.all(
    [...catalogue.values()].map(async (entry) => {
      const { id } = entry.manifest
      await textService
        .prepare(entry)
        .catch((err: unknown) => log.error({ err }, `The tokenizer of ${id} could not be read`))
      await inference.prepare(entry).catch((err: unknown) => log.error({ err }, `${id} could not be loaded`))
    }),
  )
}
