import { dirname } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { detachBuffers } from '../../../models/async/detach-buffers.ts'
import type { Ort } from '../runtime/ort.ts'
import { withRefusedOutput } from './refused-output.ts'

/** A session whose runs return nothing where all their outputs are written in place. */
export const createDecoderSession: NonNullable<Ort['createDecoderSession']> = async (
  graph,
  source,
  options,
) => {
  const whole = withRefusedOutput(graph)
  const besideGraph = source.from === 'file' ? inFolderOf(source.path, options) : {}
  // A session of the source as it is reads the file again.
  if (source.from === 'file') free(graph)
  try {
    return await InferenceSession.create(whole, { ...options, ...besideGraph })
  } finally {
    free(whole)
  }
}

/** As large as the model: the garbage collector would leave it beside the session for a while. */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) detachBuffers([buffer])
}

/** Options by which a session of a file's bytes finds the files beside it. */
function inFolderOf(
  path: string,
  { extra }: InferenceSession.SessionOptions,
): InferenceSession.SessionOptions {
  const folder = { model_external_initializers_file_folder_path: dirname(path) }
  return { extra: { ...extra, session: { ...Object(extra?.session), ...folder } } }
}
