import type { Reference } from '../../models/core/index.ts'
import { type Catalogue, type CatalogueEntry, ModelCatalogue } from './catalogue.ts'

/** The models that are offered now. A reread of their folders replaces them in one step. */
export class LiveCatalogue extends ModelCatalogue {
  /** Grows with each change. */
  revision = 0
  /** Models on the hub that are listed as well; pages fetch them from there. */
  references: readonly Reference[] = []

  replace(entries: Iterable<CatalogueEntry>, references = this.references): void {
    this.setAll(entries)
    this.references = references
    this.revision++
  }
}

/** A value that is made of the catalogue anew when that has changed. */
export function derivedFrom<T>(catalogue: Catalogue, derive: () => T): () => T {
  let made: { readonly revision: number | undefined; readonly value: T } | undefined
  return () => {
    if (made?.revision !== catalogue.revision || !made)
      made = { revision: catalogue.revision, value: derive() }
    return made.value
  }
}
