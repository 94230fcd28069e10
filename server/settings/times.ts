import * as z from 'zod/mini'
import { laneLimits } from '../../workers/host/lane-client/lane.ts'
import { requestLimits } from '../request-limits.ts'
import { asIs, numberFrom, type Setting, seconds } from './setting.ts'

/** How long connections, requests and runs may take, and whose they are. */
export const times = {
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
  SPILLWAY_HUNG_SECONDS: seconds(4, 'without a sign of life for so long, a lane is replaced'),
  SPILLWAY_TASK_SECONDS: seconds(
    30,
    'how long parsing, tokenizing or writing one large body may take in the offload thread',
  ),
  SPILLWAY_SILENCE_SECONDS: seconds(
    60,
    'how long an upstream may be silent in the middle of a stream; then another replica goes on',
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
} as const
