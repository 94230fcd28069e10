import { statSync } from 'node:fs'
import type { Model } from './model.ts'
import { readModel } from './read.ts'

/** The files of a model, the graph first. */
export function filesOf(model: Model, path: string): readonly string[] {
  const others = new Set(
    [...model.weights.values()].flatMap(({ file }) => (file === undefined ? [] : [file])),
  )
  return [path, ...[...others].sort()]
}

export const sizeOfFiles = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + statSync(file).size, 0)

/** A model, its path, and the bytes of all its files. */
export interface OpenedModel {
  readonly model: Model
  readonly file: string
  readonly bytes: number
}

export function openModel(file: string): OpenedModel {
  const model = readModel(file)
  return { model, file, bytes: sizeOfFiles(filesOf(model, file)) }
}
