import { isManifest } from './manifests.ts'
import { showOffline } from './show-offline.ts'

/** Keeps the site for visits without a network. Rejects where the browser refuses: then it is a site with a network only. */
export async function keepSite(): Promise<void> {
  // Absent on a site that is served by http.
  if (!('serviceWorker' in navigator)) return
  const { serviceWorker } = navigator
  // A page that the server has just answered need not ask whether there is one.
  if (serviceWorker.controller) showOffline()
  await serviceWorker.register('./service-worker.js')
  const { active } = await serviceWorker.ready
  const site = new URL('.', location.href)
  new PerformanceObserver((list) => {
    // At the first visit these were loaded before the service worker was there.
    const urlsToCache = list
      .getEntries()
      .map(({ name }) => name)
      .filter((url) => isManifest(url, site))
    if (urlsToCache.length > 0) active?.postMessage({ type: 'CACHE_URLS', payload: { urlsToCache } })
  }).observe({ type: 'resource', buffered: true })
}
