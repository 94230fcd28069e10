import { copyFileSync, mkdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { type Manifest, textFiles, type Variant } from '../../core/manifest.ts'
import { parseManifest } from '../../core/manifest-schema.ts'
import { memoryOf } from '../inspect/memory.ts'
import { fileSpec } from '../manifest/file-spec.ts'
import { readManifest, writeManifest } from '../manifest/write.ts'
import { sizeOfFiles } from '../onnx/files.ts'
import type { Model } from '../onnx/model.ts'
import { readModel } from '../onnx/read.ts'
import { type OnWritten, saveModel } from '../onnx/save.ts'
import { isPaged } from '../page/page-model.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import { readAdapter } from './read-adapter.ts'
import { idsInput, withAdapters } from './with-adapters.ts'

/** A folder or a file with an adapter, and the name by which requests ask for it. */
export interface NamedPath {
  readonly name: string
  readonly path: string
}

export interface AdaptOptions {
  /** Default: the name of the folder that is written. */
  readonly id?: string | undefined
  readonly title?: string | undefined
  readonly onWritten?: OnWritten | undefined
}

/**
 * Writes a model's folder again, with adapters in the graphs of all its variants but the paged ones.
 *
 * @param from A folder with the model and its manifest.
 * @throws SpillwayError `file_missing`, `file_truncated`, `manifest_invalid`, `model_invalid`, for an adapter of another
 * model as well, `not_supported`, or `input_value_invalid` where `out` is the model itself.
 */
export async function adaptModel(
  from: string,
  given: readonly NamedPath[],
  out: string,
  { id, title, onWritten }: AdaptOptions = {},
): Promise<Manifest> {
  const manifest = readManifest(from)
  if (!manifest) throw withoutManifest(from)
  const { generation } = manifest
  if (!generation || manifest.variants.length === 0) throw notLanguage(manifest)
  if (resolve(from) === resolve(out)) throw ontoItself(out)
  const adapters = given.map(({ name, path }) => readAdapter(name, path))
  const adapted: Manifest = {
    ...manifest,
    id: id ?? basename(resolve(out)),
    title: title ?? manifest.title,
    inputs: [...manifest.inputs, { name: idsInput, type: 'int64', shape: [-1] }],
    generation: { ...generation, adapters: adapters.map(({ name }) => name) },
  }
  // Before hours of work: an id or a name may be none.
  parseManifest(adapted, out)
  const variants: Variant[] = []
  for (const variant of manifest.variants) {
    const model = readModel(join(from, variant.files[0]?.path ?? ''))
    // Its runs pack texts without rows, so no row can choose.
    if (isPaged(model)) continue
    const adapted = withAdapters(model, adapters, generation.kv.headDim)
    variants.push(await writeVariant(adapted, variant, out, onWritten))
  }
  if (variants.length === 0) throw pagedOnly(from)
  for (const { path } of textFiles(manifest)) copyInto(from, out, path)
  // Written last, so that a folder with a manifest is complete.
  const complete = parseManifest({ ...adapted, variants }, out)
  writeManifest(join(out, 'manifest.json'), complete)
  return complete
}

async function writeVariant(
  model: Model,
  variant: Variant,
  out: string,
  onWritten: OnWritten | undefined,
): Promise<Variant> {
  const paths = saveModel(model, join(out, variant.id, 'model.onnx'), onWritten)
  return {
    ...variant,
    memory: memoryOf(model, infer(model, sampleShapes(model, new Map())), sizeOfFiles(paths)).total,
    files: await Promise.all(paths.map((path) => fileSpec(out, `${variant.id}/${basename(path)}`))),
  }
}

function copyInto(from: string, out: string, path: string): void {
  try {
    mkdirSync(dirname(join(out, path)), { recursive: true })
    copyFileSync(join(from, path), join(out, path))
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', `${join(from, path)} cannot be copied`)
  }
}

const withoutManifest = (folder: string) =>
  new SpillwayError('file_missing', `There is no manifest.json in ${folder}`, {
    expected: 'the folder of a language model',
    hint: 'spillway import and spillway pull write such folders.',
  })

const notLanguage = ({ id, task }: Manifest) =>
  new SpillwayError('not_supported', `${id} takes no adapters`, {
    expected: 'a model for text-generation with variants',
    got: task,
  })

const pagedOnly = (folder: string) =>
  new SpillwayError('not_supported', `${folder} has paged variants only`, {
    expected: 'a variant whose texts are rows of a run',
    hint: 'Make one with spillway import, without "-paged".',
  })

const ontoItself = (out: string) =>
  new SpillwayError('input_value_invalid', `${out} is the model itself`, {
    expected: 'another folder to write',
  })
