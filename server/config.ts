import { delimiter, resolve } from 'node:path'
import * as z from 'zod/mini'
import { backends, SpillwayError, schemaFault } from '../models/core/index.ts'
import { type LaneLimits, laneLimits } from '../workers/host/lane-client/lane.ts'

const port = z.coerce.number().check(z.int(), z.minimum(0), z.maximum(65_535))

const count = (most: number) => z.coerce.number().check(z.int(), z.minimum(1), z.maximum(most))

const environment = z.object({
  PORT: z._default(port, 8080),
  HOST: z._default(z.string().check(z.minLength(1)), '127.0.0.1'),
  SPILLWAY_BACKEND: z._default(z.enum(['auto', ...backends.filter((backend) => backend !== 'wasm')]), 'auto'),
  SPILLWAY_MODELS: z._default(z.string(), ''),
  SPILLWAY_KEEP_ALIVE_SECONDS: z._default(count(86_400), 65),
  SPILLWAY_LOAD_SECONDS: z._default(count(86_400), laneLimits.loadMs / 1000),
  SPILLWAY_HUNG_SECONDS: z._default(count(86_400), laneLimits.hungMs / 1000),
  SPILLWAY_MAX_BODY_BYTES: z._default(count(2 ** 30), 32 * 2 ** 20),
  SPILLWAY_MAX_TEXT_BODY_BYTES: z._default(count(2 ** 28), 8 * 2 ** 20),
  SPILLWAY_MAX_REQUEST_SECONDS: z._default(count(86_400), 600),
  SPILLWAY_GRACE_SECONDS: z._default(count(86_400), 10),
})

/** Variables of the command and of the project's tests, which may share the server's environment. */
const isForOthers = (name: string) => name === 'SPILLWAY_DEBUG' || name.startsWith('SPILLWAY_TEST_')

/** Kubernetes describes a service named `spillway` in its own variables, such as `SPILLWAY_PORT=tcp://10.0.0.1:80`. */
const isOfKubernetes = (name: string, value = '') =>
  /_SERVICE_(HOST|PORT)/.test(name) || /_PORT_\d+_[A-Z]+/.test(name) || /^[a-z]+:\/\//.test(value)

/** A misspelled variable would be passed over. */
function refuseUnknownVariables(variables: Readonly<Record<string, string | undefined>>): void {
  const known = Object.keys(environment.shape)
  for (const [name, value] of Object.entries(variables)) {
    if (!name.startsWith('SPILLWAY_') || known.includes(name)) continue
    if (isForOthers(name) || isOfKubernetes(name, value)) continue
    throw new SpillwayError('request_malformed', `There is no environment variable ${name}`, {
      expected: known.join(', '),
      got: name,
    })
  }
}

export interface Config {
  readonly port: number
  readonly host: string
  readonly backend: z.infer<typeof environment>['SPILLWAY_BACKEND']
  /** Further folders of models with manifests, besides the built-in catalogue. */
  readonly modelFolders: readonly string[]
  readonly laneLimits: LaneLimits
  /** Milliseconds for which a connection without a request stays open: longer than a proxy keeps it in its pool. */
  readonly keepAliveMs: number
  /** The longest body of an infer request, decoded. */
  readonly maxBodyBytes: number
  /** The longest body of a request of the OpenAI API, decoded. */
  readonly maxTextBodyBytes: number
  /** Milliseconds that a request may take at most, its wait included, whatever its `timeout`. */
  readonly maxRequestMs: number
  /** Milliseconds for requests in flight to finish after SIGTERM. */
  readonly graceMs: number
}

/** @throws SpillwayError `request_malformed`, which names the invalid or unknown variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  // An empty variable counts as unset.
  const variables = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  refuseUnknownVariables(variables)
  const parsed = z.safeParse(environment, variables)
  if (!parsed.success) {
    const { path, expected, got } = schemaFault(parsed.error, variables)
    throw new SpillwayError('request_malformed', `The environment variable ${path} is invalid`, {
      expected,
      got,
    })
  }
  const { PORT, HOST, SPILLWAY_BACKEND, SPILLWAY_MODELS, ...limits } = parsed.data
  return {
    port: PORT,
    host: HOST,
    backend: SPILLWAY_BACKEND,
    modelFolders: SPILLWAY_MODELS.split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => resolve(folder)),
    laneLimits: {
      ...laneLimits,
      loadMs: 1000 * limits.SPILLWAY_LOAD_SECONDS,
      hungMs: 1000 * limits.SPILLWAY_HUNG_SECONDS,
    },
    keepAliveMs: 1000 * limits.SPILLWAY_KEEP_ALIVE_SECONDS,
    maxBodyBytes: limits.SPILLWAY_MAX_BODY_BYTES,
    maxTextBodyBytes: limits.SPILLWAY_MAX_TEXT_BODY_BYTES,
    maxRequestMs: 1000 * limits.SPILLWAY_MAX_REQUEST_SECONDS,
    graceMs: 1000 * limits.SPILLWAY_GRACE_SECONDS,
  }
}
