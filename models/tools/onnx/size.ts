import { statSync } from 'node:fs'
import type { Model } from './model.ts'

/** The files that make up a model, the graph first. */
export function filesOf(model: Model, path: string): readonly string[] {
  const others = new Set(
    [...model.weights.values()].flatMap(({ file }) => (file === undefined ? [] : [file])),
  )
  return [path, ...[...others].sort()]
}

export const sizeOfFiles = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + statSync(file).size, 0)
