import { SpillwayError } from '../../core/error.ts'
import { manifestFiles } from '../../core/manifest.ts'
import { exchange, type FoundModel, findModel, type HubOptions, hubEndpoint } from '../../hub/index.ts'
import { makeManifest, readManifest } from '../manifest/write.ts'
import { chooseVariants } from './choose-variants.ts'
import type { PullFile } from './download.ts'
import type { PullPlan, VariantChoice } from './plan.ts'

/** The plan for a model that has a manifest. */
export async function planFromManifest(
  url: URL,
  hub: HubOptions,
  choice: VariantChoice,
  id: string | undefined,
): Promise<PullPlan> {
  const found: FoundModel = await findModel(url.href, { models: url, hub })
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
 * The plan for a single ONNX file. The model is named by the file, or by the folder where the file's name says
 * nothing. External data is looked for beside the file, under the names that exporters use.
 */
export async function planFromFile(
  url: URL,
  options: HubOptions,
  id: string | undefined,
  folder: string,
): Promise<PullPlan> {
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
  const path = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '')
  const stem = path.replace(/(?:[_.][a-z]*\d+[a-z0-9]*)?\.onnx$/, '')
  const model = id ?? (stem === '' || stem === 'model' ? folder : stem)
  const headers: Record<string, string> =
    url.origin === hubEndpoint(options.endpoint).origin && options.token !== undefined
      ? { authorization: `Bearer ${options.token}` }
      : {}
  const beside = (suffix: string): PullFile => {
    const other = new URL(url)
    other.pathname += suffix
    return { path: path + suffix, request: { url: other, headers }, optional: true }
  }
  const known = await askSize(url, headers)
  return {
    from: url.href,
    id: model,
    version: '1',
    files: [{ path, request: { url, headers }, ...known }, beside('_data'), beside('.data')],
    read: [],
    manifest: (root) => makeManifest(root, { about: { id: model, title: model, from: url.href } }),
  }
}

/**
 * Asks a host for a file's size and SHA-256 before the download. The hub sends both in the redirect of a file in LFS.
 */
async function askSize(url: URL, headers: Readonly<Record<string, string>>) {
  const { status, headers: responseHeaders } = await exchange(url, {
    method: 'HEAD',
    headers,
    redirect: 'manual',
    maxBytes: 0,
  })
  if (status === 401 || status === 403) {
    throw new SpillwayError('access_denied', `${url.href} cannot be read without access`, {
      got: `status ${status}`,
      hint: 'Give a token that may read it (HF_TOKEN).',
    })
  }
  if (status === 404) throw new SpillwayError('file_missing', `There is nothing at ${url.href}`)
  const sha256 = responseHeaders.get('x-linked-etag')?.replaceAll('"', '')
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) return {}
  return { sha256, size: Number(responseHeaders.get('x-linked-size')) }
}
