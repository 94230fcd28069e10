import { systemClock } from '../../../models/async/clock.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { createVectorStore, type StoredVectors } from '../../search/vector-store.ts'
import type { StoredModel } from '../../store/storage/model-storage.ts'
import { bytes, countOf } from '../../view/words.ts'
import type { Row } from './rows-view.ts'

/** What this browser keeps for the site. */
export interface Stored {
  /** The models, and the vectors that models have made of texts, each with a button that removes it. */
  rows(): Promise<Row[]>
  /** How much it is, of how much. */
  usage(): Promise<string>
}

/** @param onRemoved Told what was removed, and how many bytes that has freed. */
export function createStored(runtime: Runtime, onRemoved: (name: string, freed: number) => void): Stored {
  const vectors = createVectorStore({ clock: systemClock })
  const rowOf = (key: string, title: string, text: string, remove: () => Promise<number>): Row => ({
    key,
    title,
    text,
    action: { name: 'Remove', act: () => void remove().then((freed) => onRemoved(title, freed)) },
  })
  return {
    rows: async () => {
      const [models, sets] = await Promise.all([runtime.storage.list(), vectors.list()])
      return [
        ...idsOf(models).map((id) =>
          rowOf(id, id, wordsOf(models, id, variantWords), () => runtime.storage.remove(id)),
        ),
        ...idsOf(sets).map((id) =>
          rowOf(`vectors of ${id}`, `vectors of ${id}`, wordsOf(sets, id, vectorWords), () =>
            vectors.remove(id),
          ),
        ),
      ]
    },
    usage: async () => {
      const { models, used, quota, isPersistent } = await runtime.storage.usage()
      const room =
        used === undefined || quota === undefined ? '' : `, ${bytes(used)} of ${bytes(quota)} in all`
      return `${bytes(models)} of models${room}. ${isPersistent ? 'The browser has promised to keep them.' : 'The browser may remove them when it needs room.'}`
    },
  }
}

type Named = { readonly id: string }

const idsOf = (entries: readonly Named[]) => [...new Set(entries.map(({ id }) => id))]

const wordsOf = <Entry extends Named>(
  entries: readonly Entry[],
  id: string,
  words: (entry: Entry) => string,
) =>
  entries
    .filter((entry) => entry.id === id)
    .map(words)
    .join(', ')

function variantWords({ variant, bytes: count, isComplete, isInUse }: StoredModel): string {
  const part = isComplete ? '' : ' so far'
  return `${variant}, ${bytes(count)}${part}${isInUse ? ', in use' : ''}`
}

const vectorWords = ({ variant, count, bytes: size }: StoredVectors): string =>
  `${variant}, of ${countOf(count, 'text')}, ${bytes(size)}`
