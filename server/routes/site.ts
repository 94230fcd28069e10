import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { compressedFiles } from './compressed-files.ts'

/** Pages that have another name now. */
const moved: Readonly<Record<string, string>> = {
  '/digits.html': './vision.html',
  '/stories.html': './chat.html',
}

/** The built app and the files that the embed script loads; the build has compressed them. */
export const siteRoutes = (root: string) =>
  new Hono()
    // File names under assets/ contain a hash of the content.
    .use('/assets/*', async (c, next) => {
      await next()
      if (c.res.ok) c.res.headers.set('cache-control', 'public, max-age=31536000, immutable')
    })
    .use('/assets/*', compressedFiles(root))
    .use('/assets/*', serveStatic({ root, precompressed: true }))
    // The links of the guides are relative to their folder.
    .use('/docs', async (c) => c.redirect('docs/'))
    .use('*', async (c, next) => {
      const page = moved[c.req.path]
      return page === undefined ? next() : c.redirect(page, 301)
    })
    .use('*', etag())
    .use('*', async (c, next) => {
      await next()
      if (c.res.ok) c.res.headers.set('cache-control', 'no-cache')
    })
    .use('*', serveStatic({ root, precompressed: true }))
