import { SpillwayError } from '../../models/core/index.ts'
import type { Log } from '../http/request-log.ts'
import { type Catalogue, type CatalogueEntry, findModel } from './catalogue.ts'

/** The draft models of models that name one. */
export interface Drafts {
  /** Undefined where the model names none. @throws SpillwayError `model_unknown` */
  of(entry: CatalogueEntry): CatalogueEntry | undefined
  /** Told of a session that does without its draft model. */
  onLeftOut(session: string, reason: string): void
}

/** The draft models that a catalogue has. */
export const draftsOf = (catalogue: Catalogue, log: Pick<Log, 'warn'>): Drafts => ({
  of: ({ manifest: { id, generation } }) => {
    const draft = generation?.draft
    if (draft === undefined) return undefined
    try {
      return findModel(catalogue, draft)
    } catch (cause) {
      throw new SpillwayError(
        'model_unknown',
        `The draft model of ${id} is missing`,
        {
          expected: `a model "${draft}" in the catalogue`,
          hint: 'Add it, or remove "draft" from the manifest.',
        },
        { cause },
      )
    }
  },
  onLeftOut: (session, reason) => log.warn({ session }, reason),
})
