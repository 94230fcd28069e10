import { type AddedVariant, addVariant, type MakeOptions } from '../manifest/write.ts'
import { type OpenedModel, sizeOfFiles } from '../onnx/files.ts'
import { type OnWritten, saveModel } from '../onnx/save.ts'
import { pageableAttentions } from './attention.ts'
import { pageModel } from './page-model.ts'

/** A paged file that was written. */
export interface PagedFile {
  /** Bytes of all files that were written. */
  readonly bytes: number
  /** Number of attention nodes. */
  readonly attentions: number
  /** Outputs of the model that the paged one does not have. */
  readonly leftOut: readonly string[]
  /** The manifest that lists the file now; absent where it was not written into a model's folder. */
  readonly added: AddedVariant | undefined
}

export interface PageFileOptions extends Pick<MakeOptions, 'onNote'> {
  readonly onWritten: OnWritten
}

/**
 * Pages a decoder and writes it; in a model's folder the manifest lists it as a variant.
 *
 * @throws SpillwayError `not_supported` where the graph cannot be paged.
 */
export async function pageFile(
  { model }: OpenedModel,
  out: string,
  options: PageFileOptions,
): Promise<PagedFile> {
  const paged = pageModel(model)
  const kept = new Set(paged.outputs.map(({ name }) => name))
  return {
    bytes: sizeOfFiles(saveModel(paged, out, options.onWritten)),
    attentions: pageableAttentions(model).size,
    leftOut: model.outputs.map(({ name }) => name).filter((name) => !kept.has(name)),
    added: await addVariant(out, options),
  }
}
