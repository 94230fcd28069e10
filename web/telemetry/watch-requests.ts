import type { Clock } from '../../models/async/clock.ts'
import { importCode } from '../../models/async/import-code.ts'
import type { Placement } from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity.ts'
import type { RequestHeaders } from '../remote/request-headers.ts'
import type { Telemetry } from './telemetry.ts'

/** An answer, as far as telemetry reads it. */
interface Answered {
  readonly placement: Placement
  readonly timings: { readonly totalMs: number }
}

/** Counts requests for the page's author, who has opted in, and reports the counts to the server. */
export interface RequestWatcher {
  /** Counts the answer, or its failure, and returns it. */
  watch<T extends Answered>(model: string, answer: Promise<T>): Promise<T>
  /** Sends what was counted. */
  send(): void
}

/**
 * @param headers Of reports.
 * @param capacity The device's capacity, where it was queried: it is not queried for this.
 */
export function watchRequests(
  server: URL,
  clock: Clock,
  headers: RequestHeaders,
  capacity: () => Promise<Capacity> | undefined,
): RequestWatcher {
  const code = importCode(clock, 'telemetry', () => import('./telemetry.ts'))
  const loaded = code.then((exports) => ({ ...exports, telemetry: new exports.Telemetry() }))
  // Without its code nothing is counted; requests are not concerned.
  loaded.catch(() => undefined)
  const count = (add: (telemetry: Telemetry) => void) =>
    void loaded.then(({ telemetry }) => add(telemetry)).catch(() => undefined)
  return {
    watch: (model, answer) => {
      answer.then(
        ({ placement, timings }) =>
          count((telemetry) => telemetry.answered(model, placement, timings.totalMs)),
        (cause: unknown) => count((telemetry) => telemetry.failed(model, cause)),
      )
      return answer
    },
    send: () => {
      void loaded
        .then(async ({ telemetry, classOf, sendReport }) => {
          const known = await capacity()
          if (known) telemetry.device = classOf(known)
          const report = telemetry.take()
          if (report) await headers.send(undefined, (own) => sendReport(server, report, own))
        })
        .catch(() => undefined)
    },
  }
}
