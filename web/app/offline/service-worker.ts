import { siteFiles } from 'virtual:site-files'
import { enable } from 'workbox-navigation-preload'
import { addPlugins, addRoute, matchPrecache, precache } from 'workbox-precaching'
import { registerRoute } from 'workbox-routing'
import { NetworkFirst, NetworkOnly } from 'workbox-strategies'
import { isManifest } from './manifests.ts'

/*
 * Keeps the files of one release of the site. Pages come from the network, so that a new release is never held back, and
 * without a network from here. This worker answers until all pages of its release are closed: a page never loads a part
 * of another release. Models and the runtime's WebAssembly are kept by the runtime's own store.
 */

/** Seconds until a page comes from here, because the network hangs. */
const networkTimeoutSeconds = 4

const scope = new URL('./', location.href)
const pages = new NetworkOnly({ networkTimeoutSeconds })

/** The file of a page's address, which may name its folder. */
const fileOf = ({ pathname, origin }: URL): string =>
  new URL(pathname.replace(/\/$/, '/index.html'), origin).href

// A navigation does not wait for this worker to start.
enable()
// A kept response has the address that it was kept by. Workers read the fragment of theirs: a copy has the request's.
addPlugins([{ handlerWillRespond: async ({ response }) => new Response(response.body, response) }])
precache([...siteFiles])

registerRoute(
  ({ request }) => request.mode === 'navigate',
  async ({ event, request, url }) => {
    try {
      const response = await pages.handle({ event, request })
      // A proxy whose server is down; and Firefox, where a preload without a network resolves, to an error.
      const isAnswer = response.type !== 'error' && response.status < 500
      return isAnswer ? response : ((await matchPrecache(fileOf(url))) ?? response)
    } catch (cause) {
      const kept = await matchPrecache(fileOf(url))
      if (!kept) throw cause
      return kept
    }
  },
)
registerRoute(
  ({ url }) => isManifest(url.href, scope),
  new NetworkFirst({ cacheName: 'spillway-manifests', networkTimeoutSeconds }),
)
addRoute()
