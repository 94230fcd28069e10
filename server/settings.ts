import { delimiter } from 'node:path'
import * as z from 'zod/mini'
import { backends } from '../models/core/index.ts'
import { isOrigin } from '../models/protocols/api-keys.ts'
import { laneLimits } from '../workers/host/lane-client/lane.ts'
import { defaultGenerateLimits } from './inference/session-spec.ts'
import { requestLimits } from './request-limits.ts'

/** One setting: its type in the configuration file, its default, and what it means. */
export interface Setting<T> {
  readonly schema: z.ZodMiniType<T>
  /** Undefined for a setting that has none. */
  readonly initial: T
  /** For the table in server/README.md and the published JSON schema. */
  readonly about: string
  /** The value that a variable's text stands for; the schema then checks it. */
  readonly fromText: (text: string) => unknown
  /** Messages do not quote its value. */
  readonly isSecret?: true
}

/** A blank text is no number, though `Number` makes it 0. */
const numberFrom = (text: string) => (text.trim() === '' ? text : Number(text))

const count = (least: number, most: number, initial: number, about: string): Setting<number> => ({
  schema: z.number().check(z.int(), z.minimum(least), z.maximum(most)),
  initial,
  about,
  fromText: numberFrom,
})

const seconds = (initial: number, about: string) => count(1, 86_400, initial, about)
const bytes = (initial: number, about: string) => count(1, 2 ** 50, initial, about)
const number = (initial: number, about: string) => count(1, 1_000_000_000, initial, about)

const limit = (about: string): Setting<number | undefined> => ({
  schema: z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(1_000_000_000))),
  initial: undefined,
  about,
  fromText: numberFrom,
})

const asIs = (text: string) => text

/**
 * Every setting, by its environment variable. `fileKey` gives its name in the configuration file. server/README.md and
 * spillway.config.schema.json say the same, which a test checks.
 */
export const settings = {
  PORT: count(0, 65_535, 8080, 'the port to listen on; `0` takes a free one'),
  HOST: {
    schema: z.string().check(z.minLength(1)),
    initial: '127.0.0.1',
    about:
      "the address to listen on; on any but this machine's own the server starts with `SPILLWAY_KEYS` or `SPILLWAY_OPEN` only",
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_ADMIN_PORT: {
    schema: z.optional(z.number().check(z.int(), z.minimum(0), z.maximum(65_535))),
    initial: undefined,
    about: "a port for `/metrics` alone; without it they are on the server's port, for this machine only",
    fromText: numberFrom,
  } satisfies Setting<number | undefined>,
  SPILLWAY_ADMIN_HOST: {
    schema: z.string().check(z.minLength(1)),
    initial: '127.0.0.1',
    about: 'the address of that port; it asks for no key',
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_OPEN: {
    schema: z.boolean(),
    initial: false,
    about: '`true`, or `1` in the variable: everybody who reaches the server may call it',
    fromText: (text) => (text === '1' ? true : text === '0' ? false : text),
  } satisfies Setting<boolean>,
  SPILLWAY_KEYS: {
    schema: z.string(),
    initial: '',
    about:
      'the file of API keys, in the file relative to it; where it is set, callers need a key ([SECURITY.md](SECURITY.md))',
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_TOKEN_SECRET: {
    schema: z.optional(z.string().check(z.minLength(32))),
    initial: undefined,
    about:
      'signs the tokens of pages, at least 32 characters; several servers behind one address share it. Random for each process where it is not set',
    fromText: asIs,
    isSecret: true,
  } satisfies Setting<string | undefined>,
  SPILLWAY_TOKEN_SECONDS: seconds(600, "how long a page's token holds; pages renew it before"),
  SPILLWAY_ORIGINS: {
    schema: z.optional(
      z.array(
        z.string().check(
          z.refine((text) => text === '*' || isOrigin(text), {
            error: '"*", or an origin such as "https://shop.example"',
          }),
        ),
      ),
    ),
    initial: undefined,
    about:
      'origins whose pages may call, besides those of the keys: a list in the file, separated by commas or spaces in the variable; `*` for all, the default without keys',
    fromText: (text) => text.split(/[\s,]+/).filter((origin) => origin !== ''),
  } satisfies Setting<string[] | undefined>,
  SPILLWAY_KEY_REQUESTS_PER_MINUTE: limit(
    'requests of one key a minute; its entry in the file of keys has precedence, for all four limits',
  ),
  SPILLWAY_KEY_ROWS_PER_MINUTE: limit('rows, and texts to embed, of one key a minute'),
  SPILLWAY_KEY_TOKENS_PER_MINUTE: limit('tokens of one key a minute, of prompts and answers'),
  SPILLWAY_KEY_CONCURRENT_REQUESTS: limit('requests of one key at once, in each process'),
  SPILLWAY_ADDRESS_REQUESTS_PER_MINUTE: limit(
    'the same for each address that calls without a key for servers: requests a minute',
  ),
  SPILLWAY_ADDRESS_ROWS_PER_MINUTE: limit('its rows, and texts to embed, a minute'),
  SPILLWAY_ADDRESS_TOKENS_PER_MINUTE: limit('its tokens a minute'),
  SPILLWAY_ADDRESS_CONCURRENT_REQUESTS: limit('its requests at once, in each process'),
  REDIS_URL: {
    schema: z.string().check(z.regex(/^(?:rediss?:\/\/.+)?$/)),
    initial: '',
    about:
      'where servers share the counts of these limits, such as `redis://localhost:6379`; needs the package `ioredis`',
    fromText: asIs,
    isSecret: true,
  } satisfies Setting<string>,
  SPILLWAY_BACKEND: {
    schema: z.enum(['auto', ...backends.filter((backend) => backend !== 'wasm')]),
    initial: 'auto',
    about: '`cpu`, `webgpu` or `cuda`; `auto` is CUDA where it works, else the CPU',
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_MODELS: {
    schema: z.array(z.string().check(z.minLength(1))),
    initial: [],
    about:
      'further folders of models with manifests: a list in the file, relative to it; separated as in `PATH` in the variable',
    fromText: (text) => text.split(delimiter).filter((folder) => folder !== ''),
  } satisfies Setting<string[]>,
  SPILLWAY_CALLER_ADDRESS_HEADER: {
    schema: z.string().check(z.regex(/^[\w-]*$/)),
    initial: '',
    about:
      "the header in which a proxy passes its client's address on, such as `x-forwarded-for`; only behind a proxy that sets it",
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_KEEP_ALIVE_SECONDS: seconds(
    65,
    "how long a connection without a request stays open: longer than a proxy's pool keeps it (60 s in nginx and AWS)",
  ),
  SPILLWAY_UPLOAD_SECONDS: seconds(300, 'within how long a request has to arrive whole'),
  SPILLWAY_DRAIN_SECONDS: seconds(
    10,
    'how long requests in flight may take to finish at the shutdown; then they are handed over to other replicas',
  ),
  SPILLWAY_LOAD_SECONDS: seconds(
    laneLimits.loadMs / 1000,
    'how long a model may load in a lane; a request with a longer `timeout` allows more',
  ),
  SPILLWAY_WARM_UP_SECONDS: seconds(
    laneLimits.warmUpMs / 1000,
    'how long a loaded model may run on made-up inputs; then it is loaded anew, in another lane, without',
  ),
  SPILLWAY_RUN_SECONDS: seconds(laneLimits.runMs / 1000, 'how long a request without a `timeout` may run'),
  SPILLWAY_HUNG_SECONDS: seconds(
    laneLimits.hungMs / 1000,
    'without a sign of life for so long, a lane is replaced',
  ),
  SPILLWAY_TASK_SECONDS: seconds(
    30,
    'how long parsing, tokenizing or writing one large body may take in the offload thread',
  ),
  SPILLWAY_TIMEOUT_SECONDS: {
    schema: z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(86_400))),
    initial: undefined,
    about:
      'the deadline of an infer request without a `timeout`, at most the longest; where it is not set, 30 or the longest where that is shorter',
    fromText: numberFrom,
  } satisfies Setting<number | undefined>,
  SPILLWAY_MAX_TIMEOUT_SECONDS: seconds(
    requestLimits.maxTimeoutMs / 1000,
    'the longest `timeout`, and the deadline of a text; a longer one is shortened',
  ),
  SPILLWAY_MEMORY_BYTES: {
    schema: z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(2 ** 50))),
    initial: undefined,
    about:
      "memory for the models in all lanes; three quarters of the machine's or container's where it is not set",
    fromText: numberFrom,
  } satisfies Setting<number | undefined>,
  SPILLWAY_GPU_HOUR_COST: {
    schema: z.optional(z.number().check(z.minimum(0), z.maximum(1_000_000))),
    initial: undefined,
    about:
      "what an hour of a GPU, or of what runs a lane, costs, in any currency: `/metrics` then has the money that visitors' devices saved ([how](OBSERVABILITY.md#the-devices-share-and-what-it-saves))",
    fromText: numberFrom,
  } satisfies Setting<number | undefined>,
  SPILLWAY_MAX_BODY_BYTES: count(1, 2 ** 30, 32 * 2 ** 20, 'the longest body of an infer request, decoded'),
  SPILLWAY_MAX_TEXT_BODY_BYTES: count(
    1,
    2 ** 28,
    8 * 2 ** 20,
    'the longest body of a request below `/v1`, decoded',
  ),
  SPILLWAY_MAX_TASK_BYTES: bytes(
    2 ** 28,
    'bytes of the large bodies and answers that wait for the offload thread; beyond, requests are refused as `overloaded`',
  ),
  SPILLWAY_MAX_JSON_DEPTH: count(1, 1_000, requestLimits.json.depth, 'levels of lists and objects in a body'),
  SPILLWAY_MAX_JSON_ENTRIES: number(
    requestLimits.json.entries,
    'members of objects, and elements of lists other than tensors and prompts, in a body',
  ),
  SPILLWAY_MAX_JSON_LISTS: number(requestLimits.json.lists, 'lists in the nested tensors of a body'),
  SPILLWAY_MAX_STRINGS: number(requestLimits.strings, 'strings in one input'),
  SPILLWAY_MAX_CHOICES: number(requestLimits.maxChoices, 'texts of one request: `n` times its prompts'),
  SPILLWAY_MAX_QUEUED: number(1_000, 'requests, and texts, that may wait for one model'),
  SPILLWAY_MAX_QUEUED_ROWS: number(2 ** 20, 'rows of the requests that wait for one model'),
  SPILLWAY_MAX_QUEUED_BYTES: bytes(2 ** 29, 'bytes of their tensors'),
  SPILLWAY_MAX_QUEUED_TOKENS: number(2 ** 22, 'tokens in the prompts of the texts that wait for one model'),
  SPILLWAY_SLOTS: count(
    1,
    1_024,
    defaultGenerateLimits.maxSlots,
    'texts of one model that are written at a time',
  ),
  SPILLWAY_KV_BYTES: bytes(
    defaultGenerateLimits.maxBytes,
    'memory for the keys and values of one language model',
  ),
} as const

type SettingName = keyof typeof settings

/** The value of each setting, by its environment variable. */
export type SettingValues = {
  readonly [Name in SettingName]: z.infer<(typeof settings)[Name]['schema']>
}

export const settingNames = Object.keys(settings) as SettingName[]

/** `SPILLWAY_MAX_QUEUED` is `maxQueued` in the configuration file, `PORT` is `port` and `REDIS_URL` is `redisUrl`. */
export const fileKey = (name: string): string =>
  name
    .replace(/^SPILLWAY_/, '')
    .toLowerCase()
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The JSON schema of the configuration file, published as spillway.config.schema.json. */
export function configFileSchema(): object {
  const fields = settingNames.map((name) => {
    const { schema, initial, about }: Setting<unknown> = settings[name]
    const described = schema.check(z.describe(`${about} (${name})`))
    return [fileKey(name), initial === undefined ? described : z._default(described, initial)] as const
  })
  const shape = { $schema: z.optional(z.string()), ...Object.fromEntries(fields) }
  const title = z.meta({ title: 'The configuration of a Spillway server' })
  return z.toJSONSchema(z.strictObject(shape).check(title), { io: 'input' })
}
