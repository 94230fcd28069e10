import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SpillwayError } from '../../core/error.ts'
import { type ExternalLocation, externalWeights, layOutExternalData } from './external.ts'
import type { Model } from './model.ts'
import { checked, modelChunks, modelSize } from './write.ts'

/** Called after each written piece, with the bytes so far and the total. */
export type OnWritten = (written: number, total: number) => void

/** Below protobuf's 2 GiB, with room for what a runtime adds when it saves the optimised graph. */
const maxOneFile = 2 ** 31 - 2 ** 27

/** A packed byte leaves garbage of about this many bytes: the floats that it was made from. */
const floatsPerByte = 8

/**
 * Writes a model, with `NAME_data` beside it where it is too large for one file. Files are renamed when complete, so
 * a model may replace the file that it was read from.
 * @returns The written paths, the graph first.
 */
export function saveModel(model: Model, path: string, onWritten: OnWritten = () => {}): readonly string[] {
  makeFolder(dirname(path))
  const size = modelSize(model)
  const external =
    size > maxOneFile
      ? layOutExternalData(model, `${basename(path)}_data`)
      : new Map<string, ExternalLocation>()
  const progress = counter(size, onWritten)
  const dataPath = `${path}_data`
  const files: (readonly [string, Iterable<readonly [Uint8Array, number | null]>])[] = []
  if (external.size > 0) files.push([dataPath, externalPieces(model, external)])
  files.push([path, pieces(modelChunks(model, external))])
  for (const [target, chunks] of files) writeFile(partial(target), chunks, progress)
  for (const [target] of files) renameSync(partial(target), target)
  return external.size > 0 ? [path, dataPath] : [path]
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    throw SpillwayError.from(cause, 'internal', `The folder ${path} cannot be made`)
  }
}

const partial = (path: string) => join(dirname(path), `.${basename(path)}.partial`)

function* pieces(chunks: Iterable<Uint8Array>): Generator<readonly [Uint8Array, null]> {
  for (const chunk of chunks) yield [chunk, null]
}

function* externalPieces(
  model: Model,
  external: ReadonlyMap<string, ExternalLocation>,
): Generator<readonly [Uint8Array, number]> {
  for (const [weight, { offset }] of externalWeights(model, external)) yield [checked(weight), offset]
}

function writeFile(
  path: string,
  chunks: Iterable<readonly [Uint8Array, number | null]>,
  written: (bytes: number) => void,
): void {
  const file = open(path)
  const collect = createCollector()
  try {
    for (const [chunk, position] of chunks) {
      let at = 0
      while (at < chunk.length) {
        const where = position === null ? null : position + at
        at += writeSync(file, chunk, at, Math.min(chunk.length - at, 2 ** 30), where)
      }
      written(chunk.length)
      collect(chunk.length * floatsPerByte)
    }
  } catch (cause) {
    rmSync(path, { force: true })
    throw SpillwayError.from(cause, 'internal', `${path} cannot be written`)
  } finally {
    closeSync(file)
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (cause) {
    throw SpillwayError.from(cause, 'internal', `${path} cannot be written`)
  }
}

function counter(total: number, onWritten: OnWritten) {
  let written = 0
  return (bytes: number) => {
    written += bytes
    onWritten(Math.min(written, total), total)
  }
}

/** The file of a model, in memory. */
export const modelBytes = (model: Model): Uint8Array => Buffer.concat([...modelChunks(model)])

/** Bytes of garbage before a collection. */
const allowed = 16 * 2 ** 20

/**
 * Collects garbage in time. Node collects buffers late, because they are outside of its heap: hundreds of megabytes
 * of unused tensors would pile up. Call the result with the bytes of garbage that were just made.
 */
export function createCollector(): (bytes: number) => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  let garbage = 0
  return (bytes) => {
    garbage += bytes
    if (garbage < allowed || typeof collect !== 'function') return
    collect()
    garbage = 0
  }
}
