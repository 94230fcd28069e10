import { type Context, Hono } from 'hono'

/** A request's path below the one that the app is mounted at. */
const paths = new WeakMap<Request, string>()

/** For the app that is mounted: its routes are those of a server at the root. */
export const pathBelowMount = (request: Request): string => paths.get(request) ?? '/'

/**
 * An app for `route()` of any other: it hands each request over as it came, with what Node says of it, so that bodies
 * are read from Node's own stream.
 */
export const mountedApp = (app: Pick<Hono, 'fetch'>) =>
  new Hono().all('*', (c) => {
    paths.set(c.req.raw, belowRoute(c))
    return app.fetch(c.req.raw, c.env)
  })

/** Parts of the path that match parameters have other words than the route, but are as many. */
function belowRoute({ req: { path, routePath } }: Context): string {
  const parts = routePath.split('/').length - 2
  return `/${path
    .split('/')
    .slice(1 + parts)
    .join('/')}`
}
