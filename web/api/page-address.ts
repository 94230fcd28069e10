import { SpillwayError } from '../../models/core/index.ts'

/**
 * The address that relative ones are resolved against: the document's, or the worker's where the runtime runs in a
 * page's own worker. The address of a worker from a blob has no folders, so the root of its origin takes its place;
 * where that is opaque there is none.
 */
function baseAddress(): string | undefined {
  const { document, location } = globalThis
  if (document) return document.baseURI
  if (location?.protocol !== 'blob:') return location?.href
  return location.origin === 'null' ? undefined : location.origin
}

/** @throws SpillwayError `input_value_invalid` for an address that cannot be resolved here. */
export function resolveAddress(address: string | URL): URL {
  const base = baseAddress()
  try {
    return new URL(address, base)
  } catch (cause) {
    throw new SpillwayError(
      'input_value_invalid',
      'An address is invalid',
      {
        expected:
          base === undefined ? 'an absolute address: there is no page here' : `an address below ${base}`,
        got: String(address),
      },
      { cause },
    )
  }
}

/**
 * Resolves the address of a folder. It gets a slash at its end: without one, relative addresses would replace its last
 * part.
 *
 * @throws SpillwayError As `resolveAddress`.
 */
export function folderAddress(address: string | URL): URL {
  const url = resolveAddress(address)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

/** Calls `listener` whenever the page is hidden; never in a worker, which is not told. Returns how to stop. */
export function onPageHidden(listener: () => void): () => void {
  const { document } = globalThis
  if (!document) return () => {}
  const check = () => {
    if (document.visibilityState === 'hidden') listener()
  }
  document.addEventListener('visibilitychange', check)
  return () => document.removeEventListener('visibilitychange', check)
}
