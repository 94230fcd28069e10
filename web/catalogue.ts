import { type Manifest, manifestFile, parseManifest, SpillwayError } from '../models/index.ts'
import type { Clock } from '../workers/clock.ts'
import { requestJson } from './remote/request.ts'
import type { ModelStore } from './store/store.ts'

const timeoutMs = 10_000

/** The manifest of a model that the site offers; with the site out of reach, the one last seen. */
export async function fetchManifest(
  base: URL,
  id: string,
  { store, clock, signal }: { store: ModelStore; clock: Clock; signal?: AbortSignal | undefined },
): Promise<Manifest> {
  const url = new URL(manifestFile(encodeURIComponent(id)), base)
  try {
    const manifest = parseManifest(await requestJson(url, { clock, timeoutMs, signal }), url.href)
    // Not waited for: a slow database must not hold up the first request.
    void store.writeManifest(url.href, manifest)
    return manifest
  } catch (cause) {
    if (isFinal(cause)) throw cause
    const kept = await store.readManifest(url.href)
    if (kept === undefined) throw cause
    return parseManifest(kept, 'the store')
  }
}

/** The site has spoken, or the caller has gone; whatever else answers for a site that is down is not believed. */
const isFinal = (cause: unknown) =>
  cause instanceof SpillwayError && (cause.code === 'model_unknown' || cause.code === 'aborted')
