import type { OnnxModelOptions } from 'onnxruntime-common'
import type { Clock } from '../../../models/async/clock.ts'
import { resolveAddress } from '../../api/page-address.ts'
import { fetchFile } from '../../store/download/fetch-file.ts'

type ExternalData = NonNullable<OnnxModelOptions['externalData']>
type ModelData = string | Uint8Array | ArrayBufferLike | Blob

/** A file beside the graph, under the path by which the graph names it. */
export interface ExternalFile {
  readonly path: string
  readonly data: Blob
}

/**
 * A model's bytes, copied or fetched. The browser keeps a blob outside of the page's memory, and a lane that has to be
 * replaced loads it again.
 *
 * @throws SpillwayError `input_value_invalid` for an address that cannot be resolved here, or as `fetchFile`.
 */
export async function readModel(model: ModelData, clock: Clock): Promise<Blob> {
  if (typeof model === 'string') return fetchBlob(model, clock)
  if (model instanceof Blob) return model
  const bytes = model instanceof Uint8Array ? model : new Uint8Array(model)
  return new Blob([isOwn(bytes) ? bytes : Uint8Array.from(bytes)])
}

/** @throws SpillwayError As `readModel`. */
export function readExternalData(files: ExternalData, clock: Clock): Promise<ExternalFile[]> {
  return Promise.all(
    files.map(async (file) =>
      typeof file === 'string'
        ? { path: baseName(file), data: await readModel(file, clock) }
        : { path: file.path, data: await readModel(file.data, clock) },
    ),
  )
}

async function fetchBlob(address: string, clock: Clock): Promise<Blob> {
  const url = resolveAddress(address)
  const source = { path: baseName(address), key: { url: url.href, etag: '' }, request: () => ({ url }) }
  return fetchFile(source, { clock, cache: 'default' }, async ({ parts }) => {
    const received: Uint8Array<ArrayBuffer>[] = []
    for await (const part of parts) received.push(part)
    return new Blob(received)
  })
}

const baseName = (address: string) => address.slice(address.lastIndexOf('/') + 1)

/** No blob is made of memory that threads share. */
const isOwn = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer
