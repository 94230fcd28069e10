import type { Clock } from '../../models/async/clock.ts'
import { toHex } from '../../models/core/hex.ts'
import { fetchResponse } from '../../models/hub/fetch-response.ts'
import { siteError } from '../../models/hub/response-errors.ts'
import { sizeMismatch } from '../store/download/download-errors.ts'
import type { FileSource } from '../store/download/file-source.ts'
import { verifySha256 } from '../store/download/verify-sha256.ts'

/** For a file whose manifest does not say its size: the largest tokenizers have some 40 MB. */
const maxBytes = 256 * 2 ** 20

/**
 * The verified bytes of files, in their order, fetched anew: a program that has no device needs a tokenizer's only.
 *
 * @throws SpillwayError As `fetchResponse` and `siteError`; `file_altered` for bytes that are not what the manifest says.
 */
export const fetchFiles = (
  clock: Clock,
  files: readonly FileSource[],
  signal: AbortSignal | undefined,
): Promise<ArrayBuffer[]> => Promise.all(files.map((file) => fetchFile(clock, file, signal)))

async function fetchFile(
  clock: Clock,
  file: FileSource,
  signal: AbortSignal | undefined,
): Promise<ArrayBuffer> {
  const { url, headers = {} } = await file.request()
  const response = await fetchResponse(url, { clock, signal, headers, maxBytes: file.size ?? maxBytes })
  if (!response.ok) throw siteError(url, response)
  const { bytes } = response
  if (file.size !== undefined && bytes.length !== file.size)
    throw sizeMismatch(file, file.size, `${bytes.length}`)
  // Edge runtimes compile no WebAssembly, by which the store hashes.
  const hash = await crypto.subtle.digest('SHA-256', bytes)
  const fault = verifySha256(file, toHex(new Uint8Array(hash)))
  if (fault) throw fault
  return bytes.buffer
}
