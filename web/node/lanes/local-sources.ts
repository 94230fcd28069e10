import { readdir, readFile } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { SpillwayError } from '../../../models/core/index.ts'
import { manifestFile } from '../../../models/core/manifest.ts'
import { parseManifest } from '../../../models/core/manifest-schema.ts'
import { parseReferences } from '../../../models/core/references.ts'
import { fetchCatalogue, type ModelSource, openSource } from '../../../models/hub/find.ts'

/**
 * A model by a path or an address of this machine, of its folder or its manifest; else as `openSource`. Paths begin with
 * `.` or are absolute, so that an id is none.
 *
 * @throws SpillwayError As `openSource`.
 */
export const openLocal: typeof openSource = (source, options) => {
  const url = localAddress(source, options.models)
  return url ? localSource(url) : openSource(source, options)
}

/** The models in a folder of this machine, each in a folder of its own; else as `fetchCatalogue`. */
export const listLocal: typeof fetchCatalogue = async (models, options) => {
  if (models.protocol !== 'file:') return fetchCatalogue(models, options)
  const names = await readdir(models).catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'model_unknown', `The folder ${fileURLToPath(models)} cannot be read`)
  })
  const found = await Promise.all(
    names.sort().map((name) => readJson(new URL(manifestFile(name), models)).catch(ifMissing)),
  )
  const list = new URL('hub.json', models)
  const hub = names.includes('hub.json') ? parseReferences(await readJson(list), list.href) : []
  return {
    models: found.flatMap((manifest) =>
      manifest === undefined ? [] : [parseManifest(manifest, models.href)],
    ),
    hub,
  }
}

/** A folder without a manifest is no model's. */
function ifMissing(cause: unknown): undefined {
  if (!(cause instanceof SpillwayError && cause.code === 'model_unknown')) throw cause
}

function localAddress(source: string, models: URL): URL | undefined {
  if (source.startsWith('file:')) return manifestIn(new URL(source))
  if (/^\.{1,2}[\\/]/.test(source) || isAbsolute(source)) return manifestIn(pathToFileURL(resolve(source)))
  const isId = !source.includes(':')
  return isId && models.protocol === 'file:' ? new URL(manifestFile(source), models) : undefined
}

const manifestIn = (url: URL): URL =>
  url.pathname.endsWith('.json') ? url : new URL('manifest.json', `${url.href.replace(/\/$/, '')}/`)

/** The files lie beside their manifest. */
const localSource = (url: URL): ModelSource => ({
  address: url.href,
  pinned: false,
  fetch: async () => parseManifest(await readJson(url), url.href),
  locate: (_manifest, { path }) => ({
    url: new URL(path.split('/').map(encodeURIComponent).join('/'), url),
    headers: {},
  }),
})

/** @throws SpillwayError `model_unknown` where there is no such file, `manifest_invalid` where it is not JSON. */
async function readJson(url: URL): Promise<unknown> {
  const text = await readFile(url, 'utf8').catch((cause: unknown) => {
    throw new SpillwayError(
      'model_unknown',
      `There is no model at ${fileURLToPath(url)}`,
      { expected: 'a folder with a manifest.json', hint: 'Write one with "spillway manifest FOLDER".' },
      { cause },
    )
  })
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw SpillwayError.from(cause, 'manifest_invalid', `${fileURLToPath(url)} is not JSON`)
  }
}
