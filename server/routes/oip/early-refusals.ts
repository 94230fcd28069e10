import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SpillwayError } from '../../../models/core/index.ts'
import type { AppOptions } from '../../app.ts'
import { takeAllowance } from '../../auth/limits/limit-requests.ts'
import { isShort } from '../../auth/refuse-unread.ts'
import { callersOf } from '../../http/caller.ts'
import { createCors } from '../../http/cors.ts'
import { writeError } from '../../http/errors.ts'
import { HeaderCall } from '../../http/header-call.ts'
import { isRefusal, type RefusalPace } from '../../http/pace-refusals.ts'
import { readRequestTimeout } from '../../http/request-timeout.ts'
import { type CatalogueEntry, findModel } from '../../inference/catalogue.ts'
import { createFinish, identifyRequest } from '../../observability/observe-requests.ts'
import { inferHeaders, nameHeaders, refusalOf } from './infer-refusal.ts'

/** Answers a request, or hands it on. */
export type EarlyHandler = (incoming: IncomingMessage, outgoing: ServerResponse, next: () => void) => void

export interface EarlyOptions extends AppOptions {
  readonly refusals: RefusalPace
}

/** Paths of infer requests as clients usually spell them. Others are left to the router. */
const inferPath = /^\/v2\/models\/([\w-][\w.-]*)(?:\/versions\/([\w-][\w.-]*))?\/infer$/

/** A host name or an IPv4 address, with any port below 65000: the app may refuse others. */
const plainHost = /^[a-z0-9._-]+(?::(?:[1-5]?\d{1,4}|6[0-4]\d{3}))?$/

/** The route in metrics of requests that the app's middleware refuses. */
const middlewareRoute = '/*'

interface Target {
  readonly entry: CatalogueEntry
  readonly path: string
  readonly route: string
}

/**
 * Refuses infer requests before there is a `Request` of them, while the server refuses some: the way through the app is
 * most of what a refusal costs, and an overloaded server makes ten of them for each answer. The checks, their order and
 * the answer are those of the app. It gets every request that is not refused for load or by its caller's limits.
 */
export function createEarlyRefusals(options: EarlyOptions): EarlyHandler {
  const { access, catalogue, clock, inference, limit, log, metrics, refusals, tracing } = options
  const cors = createCors(options.origins ?? (() => '*'))
  const callerOf = callersOf(access !== undefined, options.callerAddressHeader)
  const finish = createFinish({ log, clock, http: metrics.http })

  const targetOf = ({ method, url: path = '', headers }: IncomingMessage): Target | undefined => {
    if (method !== 'POST' || !plainHost.test(headers.host ?? '')) return undefined
    const [, id, version] = inferPath.exec(path) ?? []
    if (id === undefined) return undefined
    try {
      const route = `/v2/models/:name${version === undefined ? '' : '/versions/:version'}/infer`
      return { entry: findModel(catalogue, id, version), path, route }
    } catch {
      return undefined
    }
  }

  return (incoming, outgoing, next) => {
    const target = refusals.isRefusing ? targetOf(incoming) : undefined
    if (!target) return next()
    const { entry, path, route } = target
    const call = new HeaderCall('POST', incoming.headers, { incoming, outgoing })
    if (!isShort(call)) return next()
    const startedAt = clock.now()

    const answer = (cause: unknown, routeOfCause: string): void => {
      const recorded = identifyRequest(call, tracing)
      const own = routeOfCause === route ? inferHeaders(call, inference, entry) : nameHeaders(call)
      const { status, body, headers } = writeError(log, call, cause, own)
      const write = () => {
        outgoing.writeHead(status, Object.assign({ 'content-length': Buffer.byteLength(body) }, headers))
        outgoing.end(body)
        finish(call, { method: 'POST', path, route: routeOfCause, status, startedAt, recorded })
      }
      const held = isRefusal(call.get('errorCode')) ? refusals.hold(call.get('caller')) : undefined
      if (held) void held.then(write)
      else write()
    }
    const decide = (): void => {
      let refusal: SpillwayError | undefined
      try {
        refusal = refusalOf(call, inference, entry, readRequestTimeout(call))
      } catch {
        // A header is invalid, which the app answers.
      }
      if (refusal) {
        call.set('model', entry.manifest.id)
        answer(refusal, route)
      } else next()
    }
    const admit = (): void => {
      if (!limit) decide()
      else
        void takeAllowance(limit, call, path).then(decide, (cause: unknown) => answer(cause, middlewareRoute))
    }
    let pending: void | Promise<void>
    try {
      cors.admit(call, path)
      call.set('caller', callerOf(call))
      pending = access?.authenticate(call)
    } catch {
      return next()
    }
    if (pending) void pending.then(admit, next)
    else admit()
  }
}
