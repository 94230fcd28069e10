import { delimiter, resolve } from 'node:path'
import * as z from 'zod/mini'
import { backends, SpillwayError, schemaFault } from '../models/core/index.ts'
import { isOrigin } from '../models/protocols/api-keys.ts'
import { type LaneLimits, laneLimits } from '../workers/host/lane-client/lane.ts'
import type { GenerateLimits } from '../workers/host/text/generate-setup.ts'
import type { LimitDefaults } from './auth/limits/limit-requests.ts'
import { defaultGenerateLimits, type QueueLimits } from './inference/inference.ts'
import { type RequestLimits, requestLimits } from './request-limits.ts'

const count = (least: number, most: number) =>
  z.coerce.number().check(z.int(), z.minimum(least), z.maximum(most))

const seconds = (value: number) => z._default(count(1, 86_400), value)
const bytes = (value: number) => z._default(count(1, 2 ** 50), value)
const number = (value: number) => z._default(count(1, 1_000_000_000), value)

const limit = z.optional(count(1, 1_000_000_000))

const listOf = (text: string) => text.split(/[\s,]+/).filter((part) => part !== '')
const areOrigins = (text: string) => text === '*' || listOf(text).every(isOrigin)

/** Every variable, with its default. server/README.md has the same list. */
const environment = z.object({
  PORT: z._default(count(0, 65_535), 8080),
  HOST: z._default(z.string().check(z.minLength(1)), '127.0.0.1'),
  SPILLWAY_ADMIN_PORT: z.optional(count(0, 65_535)),
  SPILLWAY_ADMIN_HOST: z._default(z.string().check(z.minLength(1)), '127.0.0.1'),
  SPILLWAY_OPEN: z._default(z.enum(['0', '1']), '0'),
  SPILLWAY_KEYS: z._default(z.string(), ''),
  SPILLWAY_TOKEN_SECRET: z.optional(z.string().check(z.minLength(32))),
  SPILLWAY_TOKEN_SECONDS: seconds(600),
  SPILLWAY_ORIGINS: z._default(
    z.string().check(z.refine(areOrigins, { error: '"*", or origins such as "https://shop.example"' })),
    '',
  ),
  SPILLWAY_KEY_REQUESTS_PER_MINUTE: limit,
  SPILLWAY_KEY_ROWS_PER_MINUTE: limit,
  SPILLWAY_KEY_TOKENS_PER_MINUTE: limit,
  SPILLWAY_KEY_CONCURRENT_REQUESTS: limit,
  SPILLWAY_ADDRESS_REQUESTS_PER_MINUTE: limit,
  SPILLWAY_ADDRESS_ROWS_PER_MINUTE: limit,
  SPILLWAY_ADDRESS_TOKENS_PER_MINUTE: limit,
  SPILLWAY_ADDRESS_CONCURRENT_REQUESTS: limit,
  REDIS_URL: z._default(z.string().check(z.regex(/^(?:rediss?:\/\/.+)?$/)), ''),
  SPILLWAY_BACKEND: z._default(z.enum(['auto', ...backends.filter((backend) => backend !== 'wasm')]), 'auto'),
  SPILLWAY_MODELS: z._default(z.string(), ''),
  SPILLWAY_CALLER_ADDRESS_HEADER: z._default(z.string().check(z.regex(/^[\w-]*$/)), ''),
  SPILLWAY_KEEP_ALIVE_SECONDS: seconds(65),
  SPILLWAY_UPLOAD_SECONDS: seconds(300),
  SPILLWAY_GRACE_SECONDS: seconds(10),
  SPILLWAY_LOAD_SECONDS: seconds(laneLimits.loadMs / 1000),
  SPILLWAY_WARM_UP_SECONDS: seconds(laneLimits.warmUpMs / 1000),
  SPILLWAY_RUN_SECONDS: seconds(laneLimits.runMs / 1000),
  SPILLWAY_HUNG_SECONDS: seconds(laneLimits.hungMs / 1000),
  SPILLWAY_TASK_SECONDS: seconds(30),
  SPILLWAY_TIMEOUT_SECONDS: seconds(requestLimits.timeoutMs / 1000),
  SPILLWAY_MAX_TIMEOUT_SECONDS: seconds(requestLimits.maxTimeoutMs / 1000),
  SPILLWAY_MEMORY_BYTES: z.optional(count(1, 2 ** 50)),
  SPILLWAY_MAX_BODY_BYTES: z._default(count(1, 2 ** 30), 32 * 2 ** 20),
  SPILLWAY_MAX_TEXT_BODY_BYTES: z._default(count(1, 2 ** 28), 8 * 2 ** 20),
  SPILLWAY_MAX_TASK_BYTES: bytes(2 ** 28),
  SPILLWAY_MAX_JSON_DEPTH: z._default(count(1, 1_000), requestLimits.json.depth),
  SPILLWAY_MAX_JSON_ENTRIES: number(requestLimits.json.entries),
  SPILLWAY_MAX_JSON_LISTS: number(requestLimits.json.lists),
  SPILLWAY_MAX_STRINGS: number(requestLimits.strings),
  SPILLWAY_MAX_CHOICES: number(requestLimits.maxChoices),
  SPILLWAY_MAX_QUEUED: number(1_000),
  SPILLWAY_MAX_QUEUED_ROWS: number(2 ** 20),
  SPILLWAY_MAX_QUEUED_BYTES: bytes(2 ** 29),
  SPILLWAY_MAX_QUEUED_TOKENS: number(2 ** 22),
  SPILLWAY_SLOTS: z._default(count(1, 1_024), defaultGenerateLimits.maxSlots),
  SPILLWAY_KV_BYTES: bytes(defaultGenerateLimits.maxBytes),
})

/** Variables whose values are in no message; a Redis's address may have its password. */
const secrets = ['SPILLWAY_TOKEN_SECRET', 'REDIS_URL']

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
  readonly backend: z.infer<typeof environment>['SPILLWAY_BACKEND']
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
  readonly graceMs: number
  /** Milliseconds for which one large body or answer may be parsed, tokenized or written. */
  readonly taskMs: number
  /** Bytes of large bodies and answers that wait for that together. */
  readonly maxOffloadBytes: number
  /** The longest body of an infer request, decoded. */
  readonly maxBodyBytes: number
  /** The longest body of a request of the OpenAI API, decoded. */
  readonly maxTextBodyBytes: number
  /** Bytes for models in all lanes; undefined: by the machine's memory. */
  readonly memoryBytes: number | undefined
  readonly requestLimits: RequestLimits
  readonly queue: QueueLimits
  readonly generateLimits: GenerateLimits
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
      got: secrets.includes(path) ? 'another value' : got,
    })
  }
  return configOf(parsed.data)
}

const originsOf = (text: string) => (text === '' ? undefined : text === '*' ? text : listOf(text))

const configOf = (set: z.infer<typeof environment>): Config => ({
  port: set.PORT,
  host: set.HOST,
  adminPort: set.SPILLWAY_ADMIN_PORT,
  adminHost: set.SPILLWAY_ADMIN_HOST,
  isOpen: set.SPILLWAY_OPEN === '1',
  keysFile: set.SPILLWAY_KEYS,
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
  modelFolders: set.SPILLWAY_MODELS.split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => resolve(folder)),
  callerAddressHeader: set.SPILLWAY_CALLER_ADDRESS_HEADER,
  laneLimits: {
    ...laneLimits,
    loadMs: 1000 * set.SPILLWAY_LOAD_SECONDS,
    warmUpMs: 1000 * set.SPILLWAY_WARM_UP_SECONDS,
    runMs: 1000 * set.SPILLWAY_RUN_SECONDS,
    hungMs: 1000 * set.SPILLWAY_HUNG_SECONDS,
    settings: {
      load: 'SPILLWAY_LOAD_SECONDS',
      warmUp: 'SPILLWAY_WARM_UP_SECONDS',
      run: 'SPILLWAY_RUN_SECONDS or the timeout of the request',
    },
  },
  keepAliveMs: 1000 * set.SPILLWAY_KEEP_ALIVE_SECONDS,
  uploadMs: 1000 * set.SPILLWAY_UPLOAD_SECONDS,
  graceMs: 1000 * set.SPILLWAY_GRACE_SECONDS,
  taskMs: 1000 * set.SPILLWAY_TASK_SECONDS,
  maxOffloadBytes: set.SPILLWAY_MAX_TASK_BYTES,
  maxBodyBytes: set.SPILLWAY_MAX_BODY_BYTES,
  maxTextBodyBytes: set.SPILLWAY_MAX_TEXT_BODY_BYTES,
  memoryBytes: set.SPILLWAY_MEMORY_BYTES,
  requestLimits: {
    json: {
      depth: set.SPILLWAY_MAX_JSON_DEPTH,
      entries: set.SPILLWAY_MAX_JSON_ENTRIES,
      lists: set.SPILLWAY_MAX_JSON_LISTS,
    },
    timeoutMs: 1000 * Math.min(set.SPILLWAY_TIMEOUT_SECONDS, set.SPILLWAY_MAX_TIMEOUT_SECONDS),
    maxTimeoutMs: 1000 * set.SPILLWAY_MAX_TIMEOUT_SECONDS,
    strings: set.SPILLWAY_MAX_STRINGS,
    maxChoices: set.SPILLWAY_MAX_CHOICES,
  },
  queue: {
    requests: set.SPILLWAY_MAX_QUEUED,
    rows: set.SPILLWAY_MAX_QUEUED_ROWS,
    bytes: set.SPILLWAY_MAX_QUEUED_BYTES,
    tokens: set.SPILLWAY_MAX_QUEUED_TOKENS,
  },
  generateLimits: { maxSlots: set.SPILLWAY_SLOTS, maxBytes: set.SPILLWAY_KV_BYTES },
})
