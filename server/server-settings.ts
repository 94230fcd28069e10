/**
 * The settings of a server that is mounted in another app: those of a configuration file, each with the same default
 * and meaning, but for those of what listens. Relative paths are those of the working directory.
 *
 * Written by a test, which compares it with settings/: `npx vitest run --project unit test/unit/server-config.test.ts -u`.
 */
export interface ServerSettings {
  /** The file of API keys, in the file relative to it; where it is set, callers need a key (SECURITY.md). */
  readonly keys?: string
  /** Signs the tokens of pages, at least 32 characters; several servers behind one address share it. Random for each process where it is not set. */
  readonly tokenSecret?: string
  /** How long a page's token holds; pages renew it before. Default: `600`. */
  readonly tokenSeconds?: number
  /** Origins whose pages may call, besides those of the keys: a list in the file, separated by commas or spaces in the variable; `*` for all, the default without keys. */
  readonly origins?: readonly string[]
  /** Requests of one key a minute; its entry in the file of keys has precedence, for all four limits. */
  readonly keyRequestsPerMinute?: number
  /** Rows, and texts to embed, of one key a minute. */
  readonly keyRowsPerMinute?: number
  /** Tokens of one key a minute, of prompts and answers. */
  readonly keyTokensPerMinute?: number
  /** Requests of one key at once. */
  readonly keyConcurrentRequests?: number
  /** The same for each address that calls without a key for servers: requests a minute. */
  readonly addressRequestsPerMinute?: number
  /** Its rows, and texts to embed, a minute. */
  readonly addressRowsPerMinute?: number
  /** Its tokens a minute. */
  readonly addressTokensPerMinute?: number
  /** Its requests at once. */
  readonly addressConcurrentRequests?: number
  /** Where servers share the counts of these limits, those at once included, such as `redis://localhost:6379`; needs the package `ioredis`. */
  readonly redisUrl?: string
  /** `cpu`, `webgpu` or `cuda` for all models; `auto` is for each model the fastest of those that work on this machine (GPUs). Default: `auto`. */
  readonly backend?: 'auto' | 'webgpu' | 'cpu' | 'cuda'
  /** The GPUs to use, such as `0,1`, each with lanes of its own (GPUs): a list in the file, separated by commas or spaces in the variable; one that the runtime chooses where it is not set. */
  readonly devices?: readonly string[]
  /** Further folders of models with manifests: a list in the file, relative to it; separated as in `PATH` in the variable. */
  readonly models?: readonly string[]
  /** The header in which a proxy passes its client's address on, such as `x-forwarded-for`; only behind a proxy that sets it. */
  readonly callerAddressHeader?: string
  /** How long a model may load in a lane; a request with a longer `timeout` allows more. Default: `600`. */
  readonly loadSeconds?: number
  /** How long a loaded model may run on made-up inputs; then it is loaded anew, in another lane, without. Default: `10`. */
  readonly warmUpSeconds?: number
  /** How long a request without a `timeout` may run. Default: `300`. */
  readonly runSeconds?: number
  /** Without a sign of life for so long, a lane is replaced. Default: `4`. */
  readonly hungSeconds?: number
  /** How long parsing, tokenizing or writing one large body may take in the offload thread. Default: `30`. */
  readonly taskSeconds?: number
  /** How long an upstream may be silent in the middle of a stream; then another replica goes on. Default: `60`. */
  readonly silenceSeconds?: number
  /** The deadline of an infer request without a `timeout`, at most the longest; where it is not set, 30 or the longest where that is shorter. */
  readonly timeoutSeconds?: number
  /** The longest `timeout`, and the deadline of a text; a longer one is shortened. Default: `600`. */
  readonly maxTimeoutSeconds?: number
  /** Memory for the models in all lanes; three quarters of the machine's or container's where it is not set. */
  readonly memoryBytes?: number
  /** Memory for the models on each GPU, besides the limit of all lanes; no other limit where it is not set. */
  readonly deviceMemoryBytes?: number
  /** Resident memory of one lane's process: beyond, the lane is ended, and its requests run once more in another; any where it is not set. */
  readonly laneMemoryBytes?: number
  /** What an hour of a GPU, or of what runs a lane, costs, in any currency: `/metrics` then has the money that visitors' devices saved (how). */
  readonly gpuHourCost?: number
  /** The longest body of an infer request, decoded. Default: `33554432`. */
  readonly maxBodyBytes?: number
  /** The longest body of a request below `/v1`, decoded. Default: `8388608`. */
  readonly maxTextBodyBytes?: number
  /** Bytes of the large bodies and answers that wait for the offload thread, and of as many large bodies on their way; beyond, requests are refused as `overloaded`, first those of the caller that has most of them. Default: `268435456`. */
  readonly maxTaskBytes?: number
  /** Levels of lists and objects in a body. Default: `64`. */
  readonly maxJsonDepth?: number
  /** Members of objects, and elements of lists other than tensors and prompts, in a body. Default: `50000`. */
  readonly maxJsonEntries?: number
  /** Lists in the nested tensors of a body. Default: `1000000`. */
  readonly maxJsonLists?: number
  /** Strings in one input. Default: `100000`. */
  readonly maxStrings?: number
  /** Rows of one infer request, and texts to embed of one request. Default: `16384`. */
  readonly maxRows?: number
  /** Texts of one request: `n` times its prompts. Default: `128`. */
  readonly maxChoices?: number
  /** Requests, and texts, that may wait for one model. Default: `1000`. */
  readonly maxQueued?: number
  /** Rows of the requests that wait for one model. Default: `1048576`. */
  readonly maxQueuedRows?: number
  /** Bytes of their tensors. Default: `536870912`. */
  readonly maxQueuedBytes?: number
  /** Tokens in the prompts of the texts that wait for one model. Default: `4194304`. */
  readonly maxQueuedTokens?: number
  /** Milliseconds of work that may wait for the lanes after an idle moment, and for a caller that has had little of them; while they stay busy, only what the next batch can take. Other requests are refused as `overloaded`. Default: `300`. */
  readonly burstMs?: number
  /** The longest that a text may be expected to wait for its slot, where others wait already; others are refused as `overloaded`. Default: `30`. */
  readonly textStartSeconds?: number
  /** Texts of one model that are written at a time, at most; more than 16 only where a step of more takes hardly longer. Default: `128`. */
  readonly slots?: number
  /** Memory for the keys and values of one language model; it bounds the length of a text. Default: `1073741824`. */
  readonly kvBytes?: number
}
