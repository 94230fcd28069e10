import * as z from 'zod/mini'
import { defaultGenerateLimits } from '../inference/session-spec.ts'
import { requestLimits } from '../request-limits.ts'
import { bytes, bytesIfSet, count, number, numberFrom, type Setting, seconds } from './setting.ts'

/** How much of everything there may be. */
export const limits = {
  SPILLWAY_MEMORY_BYTES: bytesIfSet(
    "memory for the models in all lanes; three quarters of the machine's or container's where it is not set",
  ),
  SPILLWAY_DEVICE_MEMORY_BYTES: bytesIfSet(
    'memory for the models on each GPU, besides the limit of all lanes; no other limit where it is not set',
  ),
  SPILLWAY_LANE_MEMORY_BYTES: bytesIfSet(
    "resident memory of one lane's process: beyond, the lane is ended, and its requests run once more in another; any where it is not set",
  ),
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
    'bytes of the large bodies and answers that wait for the offload thread, and of as many large bodies on their way; beyond, requests are refused as `overloaded`, first those of the caller that has most of them',
  ),
  SPILLWAY_MAX_JSON_DEPTH: count(1, 1_000, requestLimits.json.depth, 'levels of lists and objects in a body'),
  SPILLWAY_MAX_JSON_ENTRIES: number(
    requestLimits.json.entries,
    'members of objects, and elements of lists other than tensors and prompts, in a body',
  ),
  SPILLWAY_MAX_JSON_LISTS: number(requestLimits.json.lists, 'lists in the nested tensors of a body'),
  SPILLWAY_MAX_STRINGS: number(requestLimits.strings, 'strings in one input'),
  SPILLWAY_MAX_ROWS: number(
    requestLimits.maxRows,
    'rows of one infer request, and texts to embed of one request',
  ),
  SPILLWAY_MAX_CHOICES: number(requestLimits.maxChoices, 'texts of one request: `n` times its prompts'),
  SPILLWAY_MAX_QUEUED: number(1_000, 'requests, and texts, that may wait for one model'),
  SPILLWAY_MAX_QUEUED_ROWS: number(2 ** 20, 'rows of the requests that wait for one model'),
  SPILLWAY_MAX_QUEUED_BYTES: bytes(2 ** 29, 'bytes of their tensors'),
  SPILLWAY_MAX_QUEUED_TOKENS: number(2 ** 22, 'tokens in the prompts of the texts that wait for one model'),
  SPILLWAY_BURST_MS: count(
    1,
    86_400_000,
    300,
    'milliseconds of work that may wait for the lanes after an idle moment, and for a caller that has had little of them; while they stay busy, only what the next batch can take. Other requests are refused as `overloaded`',
  ),
  SPILLWAY_TEXT_START_SECONDS: seconds(
    30,
    'the longest that a text may be expected to wait for its slot, where others wait already; others are refused as `overloaded`',
  ),
  SPILLWAY_SLOTS: count(
    1,
    1_024,
    defaultGenerateLimits.maxSlots,
    `texts of one model that are written at a time, at most; more than ${defaultGenerateLimits.slots} only where a step of more takes hardly longer`,
  ),
  SPILLWAY_KV_BYTES: bytes(
    defaultGenerateLimits.maxBytes,
    'memory for the keys and values of one language model; it bounds the length of a text',
  ),
} as const
