import { Hono, type MiddlewareHandler } from 'hono'
import { answerError, answerNotFound } from './http/errors.ts'
import type { Log, Variables } from './http/request-log.ts'
import type { Metrics } from './observability/metrics.ts'
import { type RepositoryRoutesOptions, repositoryRoutes } from './routes/oip/repository-routes.ts'

/** What the owner of a server reads: `/metrics`. It has a port of its own where `SPILLWAY_ADMIN_PORT` is set. */
export const metricsRoutes = ({ registry }: Pick<Metrics, 'registry'>) =>
  new Hono().get('/metrics', async (c) =>
    c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  )

export interface AdminOptions extends Pick<RepositoryRoutesOptions, 'repository'> {
  /** Lets administrators in. */
  readonly onlyAdmin: MiddlewareHandler<{ Variables: Variables }>
  readonly metrics: Pick<Metrics, 'registry'>
  readonly log: Log
}

/**
 * What `SPILLWAY_ADMIN_PORT` serves. Whoever reaches the port reads the metrics; its other routes are for administrators,
 * because a port that Prometheus reaches is reached by more than them.
 */
export function createAdminApp({ metrics, repository, onlyAdmin, log }: AdminOptions) {
  const app = new Hono<{ Variables: Variables }>()
  return app
    .onError(answerError(log))
    .notFound(answerNotFound(app.routes))
    .route('/', metricsRoutes(metrics))
    .use('/v2/repository/*', onlyAdmin)
    .route('/v2/repository', repositoryRoutes({ repository, onlyAdmin }))
}
