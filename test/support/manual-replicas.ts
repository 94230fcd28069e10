import { type ErrorCode, type ErrorDetail, SpillwayError } from '../../models/core/index.ts'
import type { ReplicaCall } from '../../server/upstream/call.ts'
import type { Probe } from '../../server/upstream/replica.ts'
import { Replicas, type SendOptions } from '../../server/upstream/replicas.ts'
import { deferred } from './deferred.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'

/** All that is due now has run. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export const failure = (code: ErrorCode, detail: ErrorDetail = {}) => new SpillwayError(code, code, detail)

/** Replicas `a:1`, `b:1` and so on, whose calls a test answers by hand. */
export function manualReplicas(
  count: number,
  probe: Probe = async () => {},
  clock: ManualClock = createManualClock(),
) {
  const urls = [...'abcdefgh'].slice(0, count).map((host) => new URL(`http://${host}:1/`))
  const replicas = new Replicas({ name: 'digits', urls, clock, probe })
  const calls: { readonly call: ReplicaCall; answer(text: string): void; fail(cause: unknown): void }[] = []
  const send = (options?: SendOptions) => {
    const result = replicas.send((call) => {
      const { promise, resolve, reject } = deferred<string>()
      calls.push({ call, answer: resolve, fail: reject })
      return promise
    }, options)
    result.catch(() => undefined)
    return result
  }
  const names = () => calls.map(({ call }) => call.name)
  /** Answers the call that came last, after so many milliseconds. */
  const answerIn = async (ms: number) => {
    await settled()
    clock.advance(ms)
    calls.at(-1)?.answer('done')
    await settled()
  }
  const outOf = (name: string) => replicas.all.find((replica) => replica.name === name)
  return { clock, replicas, calls, send, names, answerIn, outOf }
}

/** The code of a failure; undefined for a success. */
export const codeOf = (result: Promise<unknown>) =>
  result.then(
    () => undefined,
    ({ code }: SpillwayError) => code,
  )
