import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { type ErrorDetail, SpillwayError, schemaFault } from '../models/core/index.ts'
import { type LaneLimits, laneLimits } from '../workers/host/lane-client/lane.ts'
import type { GenerateLimits } from '../workers/host/text/generate-setup.ts'
import type { LimitDefaults } from './auth/limits/limit-requests.ts'
import { faultsTogether } from './faults-together.ts'
import type { QueueLimits } from './inference/inference.ts'
import { defaultGenerateLimits } from './inference/session-spec.ts'
import { type RequestLimits, requestLimits } from './request-limits.ts'
import type { Setting } from './settings/setting.ts'
import { fileKey, type SettingValues, settingNames, settings } from './settings/settings.ts'

/** Names the configuration file. */
export const configVariable = 'SPILLWAY_CONFIG'

/** Variables of the command, of the project's tests, and the one that names the file. */
const isForOthers = (name: string) =>
  name === 'SPILLWAY_DEBUG' || name.startsWith('SPILLWAY_TEST_') || name === configVariable

/** Kubernetes describes a service named `spillway` in its own variables, such as `SPILLWAY_PORT=tcp://10.0.0.1:80`. */
const isOfKubernetes = (name: string, value = '') =>
  /_SERVICE_(HOST|PORT)/.test(name) || /_PORT_\d+_[A-Z]+/.test(name) || /^[a-z]+:\/\//.test(value)

export interface Config {
  readonly port: number
  readonly host: string
  /** The port for gRPC, at the same address; undefined: there is none. */
  readonly grpcPort: number | undefined
  /** The port and address of metrics; without a port they are on the server's own, for this machine only. */
  readonly adminPort: number | undefined
  readonly adminHost: string
  /** Whether everybody may call, on any address. */
  readonly isOpen: boolean
  /** The file of keys; empty where there are none. */
  readonly keysFile: string
  /** How the tokens of pages are signed; undefined: by a secret of this process. */
  readonly tokenSecret: string | undefined
  readonly tokenSeconds: number
  /** Origins whose pages may call, besides those of keys; undefined: all, where there are no keys. */
  readonly origins: '*' | readonly string[] | undefined
  readonly limits: LimitDefaults
  /** Where servers share the counts of their limits; empty: each has its own. */
  readonly redisUrl: string
  readonly backend: SettingValues['SPILLWAY_BACKEND']
  /** GPUs, by what their drivers call them; empty: the one that the runtime chooses. */
  readonly devices: readonly string[]
  /** Further folders of models with manifests, besides the built-in catalogue. */
  readonly modelFolders: readonly string[]
  /** The header in which a proxy passes its client's address on; empty where there is none. */
  readonly callerAddressHeader: string
  readonly laneLimits: LaneLimits
  /** Milliseconds for which a connection without a request stays open: longer than a proxy keeps it in its pool. */
  readonly keepAliveMs: number
  /** Milliseconds within which a request has to arrive whole. */
  readonly uploadMs: number
  /** Milliseconds that requests in flight have at the shutdown. */
  readonly drainMs: number
  /** Milliseconds for which one large body or answer may be parsed, tokenized or written. */
  readonly taskMs: number
  /** Of an upstream in the middle of a stream. */
  readonly silenceMs: number
  /** Bytes of large bodies and answers that wait for that together. */
  readonly maxOffloadBytes: number
  /** The longest body of an infer request, decoded. */
  readonly maxBodyBytes: number
  /** The longest body of a request of the OpenAI API, decoded. */
  readonly maxTextBodyBytes: number
  /** Bytes for models in all lanes; undefined: by the machine's memory. */
  readonly memoryBytes: number | undefined
  /** Bytes for models on each GPU; undefined: the limit of all lanes alone. */
  readonly deviceMemoryBytes: number | undefined
  /** What an hour of a lane costs, in any currency; undefined: no money is reckoned. */
  readonly gpuHourCost: number | undefined
  readonly requestLimits: RequestLimits
  readonly queue: QueueLimits
  readonly generateLimits: GenerateLimits
}

/** What a configuration file holds, or why it cannot be read. */
export type ConfigFile =
  | { readonly path: string; readonly value: object }
  | { readonly path: string; readonly fault: string }

/**
 * The configuration: each setting from its environment variable, else from the file, else its default.
 *
 * @throws SpillwayError `request_malformed`, whose message has every fault: each invalid value and unknown name.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigFile | undefined = undefined,
): Config {
  // An empty variable counts as unset.
  const variables = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const values = file && 'value' in file ? new Map(Object.entries(file.value)) : new Map<string, unknown>()
  const faults = [...unknownVariables(variables), ...(file ? faultsOfFile(file) : [])]
  const set: Record<string, unknown> = {}
  for (const name of settingNames) {
    const { schema, initial, fromText, isSecret }: Setting<unknown> = settings[name]
    set[name] = initial
    const check = (value: unknown, source: string, given: unknown) => {
      const parsed = z.safeParse(schema, value)
      if (parsed.success) return parsed.data
      const { path, expected, got } = schemaFault(parsed.error, given)
      const where = path === '' ? source : `${source}, at ${path},`
      faults.push(configError(`${where} is invalid`, { expected, got: isSecret ? 'another value' : got }))
      return initial
    }
    const key = fileKey(name)
    if (file && values.has(key))
      set[name] = check(values.get(key), `"${key}" in ${file.path}`, values.get(key))
    const text = variables[name]
    if (text !== undefined) {
      const value = fromText(text)
      set[name] = check(value, `The environment variable ${name}`, Array.isArray(value) ? value : text)
    }
  }
  const { SPILLWAY_TIMEOUT_SECONDS: timeout = 0, SPILLWAY_MAX_TIMEOUT_SECONDS: longest } = set
  if (typeof longest === 'number' && typeof timeout === 'number' && timeout > longest) {
    const expected = `at most ${longest}, the value of SPILLWAY_MAX_TIMEOUT_SECONDS`
    faults.push(configError('SPILLWAY_TIMEOUT_SECONDS is invalid', { expected, got: `${timeout}` }))
  }
  if (faults.length > 0) throw faultsTogether('The configuration', faults)
  /** The folder that a setting's relative paths start from. */
  const folderOf = (name: keyof SettingValues) =>
    variables[name] === undefined && file ? dirname(file.path) : ''
  // Each value has been checked by its own schema.
  return configOf(set as SettingValues, folderOf)
}

const configError = (what: string, detail: ErrorDetail) =>
  new SpillwayError('request_malformed', what, detail)

/** A misspelled variable would be passed over. */
const unknownVariables = (variables: Readonly<Record<string, string | undefined>>): SpillwayError[] =>
  Object.entries(variables)
    .filter(([name]) => name.startsWith('SPILLWAY_') && !Object.hasOwn(settings, name))
    .filter(([name, value]) => !isForOthers(name) && !isOfKubernetes(name, value))
    .map(([name]) =>
      configError(`There is no environment variable ${name}`, {
        expected: settingNames.join(', '),
        got: name,
      }),
    )

function faultsOfFile(file: ConfigFile): SpillwayError[] {
  if ('fault' in file)
    return [configError(`The configuration file ${file.path} cannot be read`, { got: file.fault })]
  const known = ['$schema', ...settingNames.map(fileKey)]
  return Object.keys(file.value)
    .filter((key) => !known.includes(key))
    .map((key) =>
      configError(`${file.path} has no setting "${key}"`, { expected: known.join(', '), got: key }),
    )
}

const originsOf = (origins: SettingValues['SPILLWAY_ORIGINS']) => (origins?.includes('*') ? '*' : origins)

/** @param folderOf The folder that a setting's relative paths start from; empty for the working directory. */
const configOf = (set: SettingValues, folderOf: (name: keyof SettingValues) => string): Config => ({
  port: set.PORT,
  host: set.HOST,
  grpcPort: set.SPILLWAY_GRPC_PORT,
  adminPort: set.SPILLWAY_ADMIN_PORT,
  adminHost: set.SPILLWAY_ADMIN_HOST,
  isOpen: set.SPILLWAY_OPEN,
  keysFile: set.SPILLWAY_KEYS && resolve(folderOf('SPILLWAY_KEYS'), set.SPILLWAY_KEYS),
  tokenSecret: set.SPILLWAY_TOKEN_SECRET,
  tokenSeconds: set.SPILLWAY_TOKEN_SECONDS,
  origins: originsOf(set.SPILLWAY_ORIGINS),
  limits: {
    key: {
      requestsPerMinute: set.SPILLWAY_KEY_REQUESTS_PER_MINUTE,
      rowsPerMinute: set.SPILLWAY_KEY_ROWS_PER_MINUTE,
      tokensPerMinute: set.SPILLWAY_KEY_TOKENS_PER_MINUTE,
      concurrentRequests: set.SPILLWAY_KEY_CONCURRENT_REQUESTS,
    },
    address: {
      requestsPerMinute: set.SPILLWAY_ADDRESS_REQUESTS_PER_MINUTE,
      rowsPerMinute: set.SPILLWAY_ADDRESS_ROWS_PER_MINUTE,
      tokensPerMinute: set.SPILLWAY_ADDRESS_TOKENS_PER_MINUTE,
      concurrentRequests: set.SPILLWAY_ADDRESS_CONCURRENT_REQUESTS,
    },
  },
  redisUrl: set.REDIS_URL,
  backend: set.SPILLWAY_BACKEND,
  devices: [...new Set(set.SPILLWAY_DEVICES)],
  modelFolders: set.SPILLWAY_MODELS.map((folder) => resolve(folderOf('SPILLWAY_MODELS'), folder)),
  callerAddressHeader: set.SPILLWAY_CALLER_ADDRESS_HEADER,
  laneLimits: {
    ...laneLimits,
    loadMs: 1000 * set.SPILLWAY_LOAD_SECONDS,
    warmUpMs: 1000 * set.SPILLWAY_WARM_UP_SECONDS,
    runMs: 1000 * set.SPILLWAY_RUN_SECONDS,
    hungMs: 1000 * set.SPILLWAY_HUNG_SECONDS,
    memoryBytes: set.SPILLWAY_LANE_MEMORY_BYTES,
    settings: {
      memory: 'SPILLWAY_LANE_MEMORY_BYTES',
      load: 'SPILLWAY_LOAD_SECONDS',
      warmUp: 'SPILLWAY_WARM_UP_SECONDS',
      run: 'SPILLWAY_RUN_SECONDS or the timeout of the request',
    },
  },
  keepAliveMs: 1000 * set.SPILLWAY_KEEP_ALIVE_SECONDS,
  uploadMs: 1000 * set.SPILLWAY_UPLOAD_SECONDS,
  drainMs: 1000 * set.SPILLWAY_DRAIN_SECONDS,
  taskMs: 1000 * set.SPILLWAY_TASK_SECONDS,
  silenceMs: 1000 * set.SPILLWAY_SILENCE_SECONDS,
  maxOffloadBytes: set.SPILLWAY_MAX_TASK_BYTES,
  maxBodyBytes: set.SPILLWAY_MAX_BODY_BYTES,
  maxTextBodyBytes: set.SPILLWAY_MAX_TEXT_BODY_BYTES,
  memoryBytes: set.SPILLWAY_MEMORY_BYTES,
  deviceMemoryBytes: set.SPILLWAY_DEVICE_MEMORY_BYTES,
  gpuHourCost: set.SPILLWAY_GPU_HOUR_COST,
  requestLimits: {
    json: {
      depth: set.SPILLWAY_MAX_JSON_DEPTH,
      entries: set.SPILLWAY_MAX_JSON_ENTRIES,
      lists: set.SPILLWAY_MAX_JSON_LISTS,
    },
    timeoutMs:
      1000 *
      (set.SPILLWAY_TIMEOUT_SECONDS ??
        Math.min(requestLimits.timeoutMs / 1000, set.SPILLWAY_MAX_TIMEOUT_SECONDS)),
    maxTimeoutMs: 1000 * set.SPILLWAY_MAX_TIMEOUT_SECONDS,
    strings: set.SPILLWAY_MAX_STRINGS,
    maxRows: set.SPILLWAY_MAX_ROWS,
    maxChoices: set.SPILLWAY_MAX_CHOICES,
  },
  queue: {
    requests: set.SPILLWAY_MAX_QUEUED,
    rows: set.SPILLWAY_MAX_QUEUED_ROWS,
    bytes: set.SPILLWAY_MAX_QUEUED_BYTES,
    tokens: set.SPILLWAY_MAX_QUEUED_TOKENS,
    burstMs: set.SPILLWAY_BURST_MS,
    textStartMs: 1000 * set.SPILLWAY_TEXT_START_SECONDS,
  },
  generateLimits: {
    slots: Math.min(defaultGenerateLimits.slots, set.SPILLWAY_SLOTS),
    maxSlots: set.SPILLWAY_SLOTS,
    maxBytes: set.SPILLWAY_KV_BYTES,
  },
})
