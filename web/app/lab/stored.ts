import type { Runtime } from '../../api/create-runtime.ts'
import type { StoredModel } from '../../store/storage/model-storage.ts'
import { bytes } from '../../view/words.ts'
import type { Row } from './rows-view.ts'

/** The models that this browser keeps for the site, each with a button that removes it. */
export async function storedRows(runtime: Runtime, onRemove: (id: string) => void): Promise<Row[]> {
  const stored = await runtime.storage.list()
  return [...new Set(stored.map(({ id }) => id))].map((model) => ({
    key: model,
    title: model,
    text: stored
      .filter(({ id }) => id === model)
      .map(variantWords)
      .join(', '),
    action: { name: 'Remove', act: () => onRemove(model) },
  }))
}

function variantWords({ variant, bytes: count, isComplete, isInUse }: StoredModel): string {
  const part = isComplete ? '' : ' so far'
  return `${variant}, ${bytes(count)}${part}${isInUse ? ', in use' : ''}`
}

/** How much the site keeps, of how much. */
export async function usageWords(runtime: Runtime): Promise<string> {
  const { models, used, quota, isPersistent } = await runtime.storage.usage()
  const room = used === undefined || quota === undefined ? '' : `, ${bytes(used)} of ${bytes(quota)} in all`
  return `${bytes(models)} of models${room}. ${isPersistent ? 'The browser has promised to keep them.' : 'The browser may remove them when it needs room.'}`
}
