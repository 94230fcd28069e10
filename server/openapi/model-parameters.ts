import { textNames } from '../../models/core/index.ts'
import { allVersions, type Catalogue, type CatalogueEntry } from '../inference/catalogue.ts'
import type { JsonSchema } from './schemas.ts'

/** A server may have thousands of models: a document that lists more of them is of no use to readers. */
const maxListed = 100

/** A text that is one of some names; where there are too many, or none, the first are examples. */
function oneOf(names: readonly string[]): JsonSchema {
  const distinct = [...new Set(names)]
  if (distinct.length === 0 || distinct.length > maxListed)
    return { type: 'string', examples: distinct.slice(0, maxListed) }
  return { type: 'string', enum: distinct }
}

export const idOf = (catalogue: Catalogue): JsonSchema => oneOf([...catalogue.keys()])

/** Names of the models for which something holds, such as that they write text, and of their adapters. */
export const nameOfThose = (catalogue: Catalogue, holds: (entry: CatalogueEntry) => boolean): JsonSchema =>
  oneOf([...catalogue.values()].filter(holds).flatMap(({ manifest }) => textNames(manifest)))

export const versionOf = (catalogue: Catalogue): JsonSchema =>
  oneOf(allVersions(catalogue).map(({ manifest }) => manifest.version))
