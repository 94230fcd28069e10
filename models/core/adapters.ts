import { SpillwayError } from './error.ts'
import type { Manifest } from './manifest.ts'
import { anyOf } from './wording.ts'

/** A model's texts, with an adapter or without one. */
export interface AdaptedName {
  readonly model: string
  readonly adapter?: string | undefined
}

/** How requests of the OpenAI API name a model with an adapter: `model:adapter`. */
export const adaptedName = ({ model, adapter }: AdaptedName): string =>
  adapter === undefined ? model : `${model}:${adapter}`

/** The inverse of `adaptedName`. The name of a model may have a colon itself: ask for it as a whole first. */
export function splitAdaptedName(name: string): AdaptedName {
  const [, model, adapter] = /^(.+):([^:/]+)$/.exec(name) ?? []
  return model === undefined ? { model: name } : { model, adapter }
}

/** All names of a model for texts: its own, and one with each adapter. */
export const textNames = ({ id, generation }: Pick<Manifest, 'id' | 'generation'>): string[] =>
  [undefined, ...(generation?.adapters ?? [])].map((adapter) => adaptedName({ model: id, adapter }))

/** @throws SpillwayError `model_unknown` for an adapter that the model does not have; it names those that it has. */
export function checkAdapter({ id, generation }: Manifest, adapter: string | undefined): void {
  const { adapters = [] } = generation ?? {}
  if (adapter === undefined || adapters.includes(adapter)) return
  throw new SpillwayError(
    'model_unknown',
    `${id} has no adapter "${adapter.slice(0, 200)}"`,
    adapters.length > 0 ? { expected: anyOf(adapters) } : { hint: 'The model has no adapters.' },
  )
}
