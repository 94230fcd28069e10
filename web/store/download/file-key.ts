import type { FileKey } from './file-source.ts'

/** A key as one short text, fit for a file's name. */
export async function keyText(key: FileKey): Promise<string> {
  if ('sha256' in key) return `sha256-${key.sha256}`
  const { sha256 } = await import('hash-wasm')
  return `etag-${await sha256(`${key.etag} ${key.url}`)}`
}
