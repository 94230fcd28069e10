const name = 'page-1'
/** What the page has loaded before this worker controls it. */
const first = ['./', './main.js']

addEventListener('install', (event) => event.waitUntil(install()))
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => {
  const { method, url } = event.request
  // The runtime keeps these itself, verified.
  const isKept = /\.(?:onnx|wasm)$/.test(new URL(url).pathname)
  if (method === 'GET' && !isKept) event.respondWith(answer(event.request))
})

async function install() {
  const cache = await caches.open(name)
  await cache.addAll(first)
  await skipWaiting()
}

/** From the network, and without it from what was kept. */
async function answer(request) {
  const cache = await caches.open(name)
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put(request, response.clone())
    return response
  } catch {
    return (await cache.match(request)) ?? Response.error()
  }
}
