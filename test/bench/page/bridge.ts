import { createRuntime } from '../../../web/api/index.ts'
import { row } from './spill.ts'
import { base } from './time.ts'

/** Milliseconds of a call to the server as any script makes it: the first thing that this page asks for. */
export async function plainCall(): Promise<number> {
  const bytes = row()
  const start = performance.now()
  const response = await fetch(new URL('v2/models/magika/infer', base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: [{ name: 'bytes', datatype: 'INT32', shape: [1, 2_048], data: [...bytes] }],
    }),
  })
  if (!response.ok) throw new Error(await response.text())
  await response.json()
  return performance.now() - start
}

/** What a page's HTML may ask for beside its scripts; here before the first of them is timed. */
export async function preloadManifest(): Promise<void> {
  const link = document.createElement('link')
  link.rel = 'preload'
  link.as = 'fetch'
  link.crossOrigin = 'anonymous'
  link.href = new URL('models/magika/manifest.json', base).href
  const loaded = new Promise((resolve, reject) => {
    link.onload = resolve
    link.onerror = reject
  })
  document.head.append(link)
  await loaded
}

/** Milliseconds from nothing to the first answer where the page waits for its download. */
export async function waitForModel(): Promise<number> {
  const bytes = row()
  const start = performance.now()
  const runtime = await createRuntime({ server: base, policy: 'device' })
  await (await runtime.model('magika')).run({ bytes })
  const waited = performance.now() - start
  runtime.close()
  return waited
}

/**
 * Milliseconds from nothing to the first answer, bridged by the server, and what the page notices after it.
 *
 * @param stay Whether it stays until the device answers.
 */
export async function bridge(stay: boolean) {
  const bytes = row()
  const start = performance.now()
  const runtime = await createRuntime({ server: base, policy: 'auto' })
  const model = await runtime.model('magika')
  const { placement } = await model.run({ bytes })
  const first = performance.now() - start
  if (placement.reason !== 'bridge') throw new Error(`Not bridged: ${placement.explanation}`)
  // The page goes on asking, and notices nothing but the placement.
  let failed = 0
  let moved = false
  for (const until = start + 120_000; stay && !moved && performance.now() < until; ) {
    const result = await model.run({ bytes }).catch(() => undefined)
    if (!result) failed++
    moved = result?.placement.tier === 'device'
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  runtime.close()
  return { first, moved, failed }
}
