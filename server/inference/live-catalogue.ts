import type { Reference } from '../../models/core/index.ts'
import type { Catalogue, CatalogueEntry } from './catalogue.ts'

/** The models that are offered now. A reread of their folders replaces them in one step. */
export class LiveCatalogue extends Map<string, CatalogueEntry> {
  /** Grows with each change. */
  revision = 0
  /** Models on the hub that are listed as well; pages fetch them from there. */
  references: readonly Reference[] = []

  replace(entries: Catalogue, references = this.references): void {
    this.clear()
    for (const [id, entry] of entries) this.set(id, entry)
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
