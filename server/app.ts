import { Hono, type MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { Clock } from '../models/async/clock.ts'
import { repositoryExtension } from '../models/protocols/oip-repository.ts'
import { metricsRoutes } from './admin.ts'
import type { Access } from './auth/access.ts'
import { type Admit, limitRequests } from './auth/limits/limit-requests.ts'
import { createOnlyAdmin } from './auth/only-admin.ts'
import { createOnlyLocal } from './auth/only-local.ts'
import type { Origins } from './auth/origin.ts'
import { callersOf } from './http/caller.ts'
import { createCors } from './http/cors.ts'
import { answerError, answerNotFound, isOpenAi } from './http/errors.ts'
import { RefusalPace } from './http/pace-refusals.ts'
import type { Log, Variables } from './http/request-log.ts'
import { type Catalogue, ModelCatalogue } from './inference/catalogue.ts'
import type { Inference } from './inference/inference.ts'
import type { ModelRepository } from './inference/model-repository.ts'
import type { TextService } from './inference/text-service.ts'
import type { Metrics } from './observability/metrics.ts'
import { observeRequests } from './observability/observe-requests.ts'
import type { Tracing } from './observability/tracing.ts'
import type { Offload } from './offload/offload.ts'
import { openApiRoutes } from './openapi/routes.ts'
import { createProbes } from './probes.ts'
import { type RequestLimits, requestLimits } from './request-limits.ts'
import { modelFileRoutes } from './routes/model-files.ts'
import { inferRoutes } from './routes/oip/infer-routes.ts'
import { metadataRoutes, serverMetadata } from './routes/oip/metadata-routes.ts'
import { repositoryRoutes } from './routes/oip/repository-routes.ts'
import { answerOpenAiError } from './routes/openai/errors.ts'
import { openAiRoutes } from './routes/openai/routes.ts'
import { siteRoutes } from './routes/site.ts'
import { telemetryRoutes } from './routes/telemetry.ts'
import { Engines } from './upstream/openai/engines.ts'
import { Forwarding } from './upstream/openai/forwarding.ts'
import { Upstreams } from './upstream/upstreams.ts'

export interface AppOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  /** Lists, loads and unloads the models; there are no such routes where it is absent. */
  readonly repository?: ModelRepository
  readonly offload: Offload
  readonly textService: TextService
  readonly metrics: Metrics
  /** Passes on requests for models that other engines run; none are where it is absent. */
  readonly forwarding?: Forwarding | undefined
  /** Where spans are sent, if anywhere. */
  readonly tracing?: Tracing | undefined
  readonly clock: Clock
  /** The folder of the built site; undefined where there is none. */
  readonly site: string | undefined
  readonly version: string
  readonly maxBodyBytes: number
  readonly requestLimits?: RequestLimits
  /** For requests of the OpenAI API. Default: `maxBodyBytes`. */
  readonly maxTextBodyBytes?: number | undefined
  /** The header with a client's address, where a proxy sets it. */
  readonly callerAddressHeader?: string | undefined
  /** Whether the server is shutting down; absent where it never does. */
  readonly isDraining?: () => boolean
  /** Who may call; everybody where it is absent. */
  readonly access?: Access | undefined
  /** Holds callers to their limits; there are none where it is absent. */
  readonly limit?: Admit | undefined
  /** How fast refusals go out; shared with what refuses requests before they reach the app. */
  readonly refusals?: RefusalPace
  /** The origins whose pages may call. Default: all. */
  readonly origins?: () => Origins
  /** Whether metrics, and what loads models, have a port of their own, and are not here. */
  readonly hasAdminPort?: boolean
  readonly log: Log
  /** The path of a request. Default: its address's; another one where the app is mounted below a path. */
  readonly getPath?: (request: Request) => string
}

const everybody: MiddlewareHandler = (_c, next) => next()

/**
 * The server's routes: `/v2` (Open Inference Protocol), `/v1` (OpenAI API), `/auth`, `/telemetry`, `/metrics`, `/models`, and the site.
 * The infer route comes first, so that a run passes no middleware but the log.
 */
export const createApp = (given: AppOptions) => {
  const options = { requestLimits, ...given }
  const { catalogue, inference, version, log, clock, metrics, tracing, isDraining = () => false } = options
  const { repository } = options
  const onlyAdmin = options.hasAdminPort ? undefined : createOnlyAdmin(options.access)
  const metadata = serverMetadata(version, repository && onlyAdmin ? [repositoryExtension] : [])
  const probes = createProbes({ catalogue, inference, isDraining })
  const callerOf = callersOf(options.access !== undefined, options.callerAddressHeader)
  const {
    forwarding = new Forwarding({
      ...options,
      engines: new Engines(new ModelCatalogue(), new Upstreams(clock, given.log)),
    }),
  } = options
  const app = new Hono<{ Variables: Variables }>(given.getPath ? { getPath: given.getPath } : {})
  const { refusals = new RefusalPace(clock) } = options
  const cors = createCors(given.origins ?? (() => '*'))
  const answer = answerError(log)
  const answerOpenAi = answerOpenAiError(log)
  return (
    app
      .onError((cause, c) => (isOpenAi(c.req.path) ? answerOpenAi : answer)(cause, c))
      .notFound(answerNotFound(app.routes))
      .use(observeRequests({ log, clock, http: metrics.http, callerOf, refusals, tracing }))
      .use(cors.prepare)
      .use(options.access?.guard ?? everybody)
      .use(options.limit ? limitRequests(options.limit) : everybody)
      .route('/v2', inferRoutes(options))
      .use(cors.apply)
      .route('/v2', metadataRoutes({ catalogue, inference, metadata, probes, clock }))
      .route(
        '/v2/repository',
        repository ? repositoryRoutes({ repository, onlyAdmin }) : new Hono<{ Variables: Variables }>(),
      )
      // Hono takes it for another path than `/v2`.
      .get('/v2/', (c) => c.json(metadata))
      .route(
        '/v1',
        openAiRoutes({
          ...options,
          forwarding,
          maxBodyBytes: options.maxTextBodyBytes ?? options.maxBodyBytes,
        }),
      )
      .route('/auth', options.access?.routes ?? new Hono<{ Variables: Variables }>())
      .route('/telemetry', telemetryRoutes(metrics.devices))
      .use('/metrics', createOnlyLocal('Set SPILLWAY_ADMIN_PORT, which serves it on a port of its own.'))
      .route('/', options.hasAdminPort ? new Hono() : metricsRoutes(metrics))
      .use(
        secureHeaders({
          // WebAssembly threads need a cross-origin isolated page.
          crossOriginEmbedderPolicy: 'require-corp',
          crossOriginOpenerPolicy: 'same-origin',
          crossOriginResourcePolicy: 'cross-origin',
          // The site's owner decides whether it is https for good and who may frame it.
          strictTransportSecurity: false,
          xFrameOptions: false,
        }),
      )
      .route(
        '/',
        openApiRoutes({
          catalogue,
          version,
          hasKeys: options.access !== undefined,
          routes: app.routes,
          site: options.site,
        }),
      )
      .route('/models', modelFileRoutes(catalogue, options.access))
      .route('/', options.site === undefined ? new Hono() : siteRoutes(options.site))
  )
}
