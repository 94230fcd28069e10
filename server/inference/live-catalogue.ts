import type { Reference } from '../../models/core/index.ts'
import { type Catalogue, type CatalogueEntry, ModelCatalogue, type ModelFault } from './catalogue.ts'

/** The models that are offered now. A reread of their folders replaces them in one step. */
export class LiveCatalogue extends ModelCatalogue {
  /** Grows with each change. */
  revision = 0
  /** Models on the hub that are listed as well; pages fetch them from there. */
  references: readonly Reference[] = []
  /** Versions that could not be loaded. */
  readonly #failed = new WeakSet<CatalogueEntry>()

  replace(
    entries: Iterable<CatalogueEntry>,
    { references = this.references, faults = this.faults } = {},
  ): void {
    this.setAll(entries)
    this.references = references
    this.faults = faults
    this.revision++
  }

  /** Notes a model that is not offered, or not as its folder has it now. */
  addFault(fault: ModelFault): void {
    this.faults = [...this.faults, fault]
  }

  /**
   * Notes whether a version could be loaded. One that could not is no model's default as long as there is another.
   *
   * @returns The model's default version, where that is another now.
   */
  noteLoad(entry: CatalogueEntry, isLoaded: boolean): CatalogueEntry | undefined {
    const { id } = entry.manifest
    if (isLoaded) this.#failed.delete(entry)
    else this.#failed.add(entry)
    const versions = this.versions.get(id)
    const chosen = versions?.includes(entry) && this.chooseDefault(versions)
    if (!chosen || chosen === this.get(id)) return undefined
    this.set(id, chosen)
    this.revision++
    return chosen
  }

  protected override chooseDefault(versions: readonly CatalogueEntry[]): CatalogueEntry | undefined {
    return versions.find((entry) => !this.#failed.has(entry)) ?? versions[0]
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
