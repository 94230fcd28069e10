import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { type Manifest, SpillwayError, schemaError } from '../../models/core/index.ts'

/**
 * The file beside a model's manifest that names the engine which runs the model for this server. It is apart from the
 * manifest because that is published to pages.
 */
export const upstreamFile = 'upstream.json'

export const upstreamProtocols = ['oip', 'openai'] as const

const positive = z.int().check(z.positive())

const address = z.string().check(
  z.refine(isAddress, {
    error: 'an http or https address without a user, a password, a query or a fragment',
  }),
)

const upstream = z.strictObject({
  /** `oip`: the Open Inference Protocol. `openai`: the OpenAI API. */
  protocol: z.enum(upstreamProtocols),
  /** The addresses of its replicas: of `oip` what comes before `/v2`, of `openai` what comes before `/chat/completions`. */
  urls: z
    .array(address)
    .check(z.minLength(1), z.refine(areDistinct, { error: 'addresses that differ from each other' })),
  /** The model's name over there. Default: its id. */
  model: z.optional(z.string().check(z.minLength(1))),
  /** The model's version over there. Default: whichever the engine chooses. */
  version: z.optional(z.string().check(z.minLength(1))),
  /** The environment variable that holds the API key. */
  key: z.optional(
    z.string().check(
      z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      z.refine((name) => !name.startsWith('SPILLWAY_'), {
        error: "a variable whose name does not begin with SPILLWAY_, which is for this server's own settings",
      }),
    ),
  ),
  /** The most requests in flight there. Default: `defaultMaxConcurrent`. */
  maxConcurrent: z.optional(positive),
})

export const defaultMaxConcurrent = 256

/** The engine that runs a model for this server. */
export interface UpstreamConfig extends z.infer<typeof upstream> {}

type Env = Readonly<Record<string, string | undefined>>

/**
 * Reads the upstream of the model in a folder; undefined where the server runs the model itself.
 *
 * @throws SpillwayError `manifest_invalid`: the file is invalid, its key is not set, or the model has neither an upstream
 * nor files to run.
 */
export async function readUpstream(
  folder: string,
  manifest: Manifest,
  env: Env = process.env,
): Promise<UpstreamConfig | undefined> {
  const path = join(folder, upstreamFile)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw SpillwayError.from(cause, 'manifest_invalid', `${path} cannot be read`)
  })
  if (text === undefined) {
    if (manifest.variants.length > 0) return undefined
    throw new SpillwayError('manifest_invalid', `${manifest.id} cannot be run`, {
      expected: `variants in its manifest, or an ${upstreamFile} in ${folder}`,
      got: 'neither',
      hint: 'server/UPSTREAMS.md describes upstreams.',
    })
  }
  const config = parseUpstream(text, path)
  checkTask(config, manifest, path)
  if (config.key !== undefined && !env[config.key]) {
    throw new SpillwayError('manifest_invalid', `The key that ${path} names is not set`, {
      expected: `the API key in the environment variable ${config.key}`,
      got: 'none',
    })
  }
  return config
}

function parseUpstream(text: string, path: string): UpstreamConfig {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw SpillwayError.from(cause, 'manifest_invalid', `${path} is not JSON`)
  }
  const parsed = z.safeParse(upstream, value)
  if (parsed.success) return parsed.data
  throw schemaError('manifest_invalid', path, parsed.error, value, {
    hint: 'server/UPSTREAMS.md describes upstreams.',
  })
}

/** Texts are written over the OpenAI API; the Open Inference Protocol carries tensors. */
function checkTask({ protocol }: UpstreamConfig, { task, id }: Manifest, path: string): void {
  const isText = task === 'text-generation'
  const hasText = isText || task === 'feature-extraction'
  if (protocol === 'oip' ? !isText : hasText) return
  throw new SpillwayError('manifest_invalid', `${path} has the wrong protocol for ${id}`, {
    expected: `${isText ? 'openai' : 'oip'} for the task ${task}`,
    got: protocol,
  })
}

/** The addresses with a slash at their end, so that paths can be resolved against them. */
export const urlsOf = ({ urls }: UpstreamConfig): URL[] => urls.map(withSlash)

/** The headers that a request to the upstream has because of its key. */
export const keyHeaders = ({ key }: UpstreamConfig, env: Env = process.env): Record<string, string> =>
  key === undefined ? {} : { authorization: `Bearer ${env[key]}` }

function withSlash(text: string): URL {
  const url = new URL(text)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && username + password + search + hash === ''
}

function areDistinct(urls: readonly string[]): boolean {
  const known = urls.filter((text) => URL.canParse(text)).map((text) => withSlash(text).href)
  return new Set(known).size === known.length
}
