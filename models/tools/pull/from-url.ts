import type { Clock } from '../../async/clock.ts'
import { SpillwayError } from '../../core/error.ts'
import { manifestFiles } from '../../core/manifest.ts'
import { type FoundModel, fetchResponse, findModel, type HubOptions, hubEndpoint } from '../../hub/index.ts'
import { makeManifest, readManifest } from '../manifest/write.ts'
import { chooseVariants } from './choose-variants.ts'
import type { PullFile } from './download.ts'
import type { PullPlan, VariantChoice } from './plan.ts'

/** A model that has a manifest. */
export async function planFromManifest(
  url: URL,
  hub: HubOptions,
  choice: VariantChoice,
  id: string | undefined,
  clock: Clock,
): Promise<PullPlan> {
  const found: FoundModel = await findModel(url.href, { models: url, hub, clock })
  const variants = chooseVariants(found.manifest.variants, choice)
  const manifest = { ...found.manifest, variants, ...(id === undefined ? {} : { id }) }
  return {
    from: url.href,
    id: manifest.id,
    version: manifest.version,
    files: manifestFiles(manifest).map((file) => ({ ...file, request: found.locate(file) })),
    read: [],
    manifest: async (root) => {
      const known = readManifest(root)
      if (known?.version !== manifest.version) return manifest
      const others = known.variants.filter((one) => variants.every((other) => other.id !== one.id))
      return { ...manifest, variants: [...variants, ...others] }
    },
  }
}

/**
 * A bare ONNX file. The model is named after it, or after the folder if the file is called `model.onnx`. External data
 * is looked for beside it, under the names that exporters use.
 */
export async function planFromFile(
  url: URL,
  hub: HubOptions,
  id: string | undefined,
  folder: string,
  clock: Clock,
): Promise<PullPlan> {
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
  const path = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '')
  const stem = path.replace(/(?:[_.][a-z]*\d+[a-z0-9]*)?\.onnx$/, '')
  const model = id ?? (stem === '' || stem === 'model' ? folder : stem)
  const headers: Record<string, string> =
    url.origin === hubEndpoint(hub.endpoint).origin && hub.token !== undefined
      ? { authorization: `Bearer ${hub.token}` }
      : {}
  const beside = (suffix: string): PullFile => {
    const other = new URL(url)
    other.pathname += suffix
    return { path: path + suffix, request: { url: other, headers }, optional: true }
  }
  const known = await fetchIdentity(url, headers, clock)
  return {
    from: url.href,
    id: model,
    version: '1',
    files: [{ path, request: { url, headers }, ...known }, beside('_data'), beside('.data')],
    read: [],
    manifest: (root, options) =>
      makeManifest(root, { ...options, about: { id: model, title: model, from: url.href } }),
  }
}

/** The file's size and SHA-256, which the hub sends in its redirect to a file in LFS. Empty for other hosts. */
async function fetchIdentity(url: URL, headers: Readonly<Record<string, string>>, clock: Clock) {
  const response = await fetchResponse(url, {
    clock,
    method: 'HEAD',
    headers,
    redirect: 'manual',
    maxBytes: 0,
  })
  const { status } = response
  if (status === 401 || status === 403) {
    throw new SpillwayError('access_denied', `Access to ${url.href} is denied`, {
      got: `status ${status}`,
      hint: 'Pass a token with access to it (HF_TOKEN).',
    })
  }
  if (status === 404) throw new SpillwayError('file_missing', `There is nothing at ${url.href}`)
  const sha256 = response.headers.get('x-linked-etag')?.replaceAll('"', '')
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) return {}
  return { sha256, size: Number(response.headers.get('x-linked-size')) }
}
