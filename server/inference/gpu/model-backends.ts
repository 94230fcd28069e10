import { type Backend, variantsFor } from '../../../models/core/index.ts'
import type { CatalogueEntry } from '../catalogue.ts'
import type { DeviceHealth } from './device-health.ts'

/** What a model's runs took on a backend, by measurement. */
export interface Measured {
  readonly backend: Backend
  /** Milliseconds of one row or, of a language model, of one token of one text. */
  readonly oneMs: number
  /** Milliseconds of each row of a full batch or, of a language model, of each token of as many texts as there are slots. */
  readonly fullMs: number
}

/** A GPU has to be faster than the CPU by this much: the figures of a few runs vary. */
const gainToMove = 0.8

/** The backend of each model: the one that was chosen for it, and the CPU while no GPU works. */
export class ModelBackends {
  readonly #candidates: readonly Backend[]
  readonly #isCpuOnly: boolean
  readonly #health: Pick<DeviceHealth, 'isOut'>
  readonly #chosen = new WeakMap<CatalogueEntry, Backend>()
  readonly #measured = new WeakMap<CatalogueEntry, readonly Measured[]>()

  /** @param candidates Those that work on this machine: one where it was configured. */
  constructor(candidates: readonly Backend[], health: Pick<DeviceHealth, 'isOut'>) {
    this.#candidates = candidates
    this.#isCpuOnly = candidates.every((backend) => backend === 'cpu')
    this.#health = health
  }

  /** The backends for which the model has a variant. */
  candidatesOf({ manifest }: CatalogueEntry): readonly Backend[] {
    if (this.#candidates.length === 1) return this.#candidates
    const having = this.#candidates.filter((backend) => variantsFor(manifest, backend).length > 0)
    return having.length > 0 ? having : this.#candidates.slice(0, 1)
  }

  /** Where the model runs now. Each request asks. */
  of(entry: CatalogueEntry): Backend {
    if (this.#isCpuOnly) return 'cpu'
    const chosen = this.#chosen.get(entry) ?? this.#untilChosen(entry)
    return chosen !== 'cpu' && this.isWithoutGpu(entry) ? 'cpu' : chosen
  }

  /** Whether the CPU takes the place of any GPU for now. */
  isWithoutGpu({ manifest }: CatalogueEntry): boolean {
    return this.#health.isOut && variantsFor(manifest, 'cpu').length > 0
  }

  /** Chooses the fastest at full load. */
  choose(entry: CatalogueEntry, measured: readonly Measured[]): Backend {
    this.#measured.set(entry, measured)
    const weighted = ({ backend, fullMs }: Measured) => (backend === 'cpu' ? gainToMove * fullMs : fullMs)
    const [best] = [...measured].sort((one, other) => weighted(one) - weighted(other))
    if (best) this.#chosen.set(entry, best.backend)
    return this.of(entry)
  }

  measuredOf(entry: CatalogueEntry): readonly Measured[] {
    return this.#measured.get(entry) ?? []
  }

  /** The CPU needs no driver. */
  #untilChosen(entry: CatalogueEntry): Backend {
    const candidates = this.candidatesOf(entry)
    return candidates.find((backend) => backend === 'cpu') ?? candidates[0] ?? 'cpu'
  }
}
