import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { Clock } from '../models/async/clock.ts'
import type { Reference } from '../models/core/index.ts'
import { allowAllOrigins } from './http/cors.ts'
import { answerError, answerNotFound } from './http/errors.ts'
import { type Log, logRequests, type Variables } from './http/log.ts'
import type { Catalogue } from './inference/catalogue.ts'
import type { Inference } from './inference/inference.ts'
import type { TextService } from './inference/text-service.ts'
import type { Metrics } from './metrics.ts'
import { inferRoutes } from './routes/oip/infer.ts'
import { modelRoutes } from './routes/oip/models.ts'
import { oipRoutes } from './routes/oip/oip.ts'
import { openAiRoutes } from './routes/openai/openai.ts'
import { siteRoutes } from './routes/site.ts'

export interface AppOptions {
  readonly catalogue: Catalogue
  /** What it points to on the hub, besides. */
  readonly references?: readonly Reference[]
  readonly inference: Inference
  readonly textService: TextService
  readonly metrics: Metrics
  readonly clock: Clock
  /** The folder of the built site. */
  readonly site: string
  readonly version: string
  readonly maxBodyBytes: number
  readonly log: Log
}

/** What answers, by address: the inference protocol, the models' files, the site. */
export const createApp = (options: AppOptions) =>
  new Hono<{ Variables: Variables }>()
    .onError(answerError(options.log))
    .notFound(answerNotFound)
    .use(logRequests(options.log))
    .route('/v2', inferRoutes(options))
    .use(allowAllOrigins)
    .route('/v2', oipRoutes(options))
    .route('/v1', openAiRoutes(options))
    .get('/metrics', async (c) =>
      c.text(await options.metrics.registry.metrics(), 200, {
        'content-type': options.metrics.registry.contentType,
      }),
    )
    .use(
      secureHeaders({
        // Isolation gives the app's workers threads.
        crossOriginEmbedderPolicy: 'require-corp',
        crossOriginOpenerPolicy: 'same-origin',
        crossOriginResourcePolicy: 'cross-origin',
        // Whether the site is https for good, and who may frame it, is its owner's to say.
        strictTransportSecurity: false,
        xFrameOptions: false,
      }),
    )
    .route('/models', modelRoutes(options.catalogue, options.references))
    .route('/', siteRoutes(options.site))
