import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { documentOf, sendDocument } from '../http/document.ts'
import { derivedFrom } from '../inference/live-catalogue.ts'
import { type OpenApiOptions, openApiDocument } from './document.ts'

/** The OpenAPI document, made anew when the models have changed, and the page that shows it. */
export function openApiRoutes(options: OpenApiOptions) {
  const document = derivedFrom(options.catalogue, () => documentOf(openApiDocument(options)))
  const { site } = options
  const app = new Hono().get('/openapi.json', (c) => sendDocument(c, document()))
  if (site === undefined) return app
  return app.get('/openapi', serveStatic({ root: site, path: 'openapi.html', precompressed: true }))
}
