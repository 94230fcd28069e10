import { createRuntime } from '../../../web/api/index.ts'
import { row } from './spill.ts'
import { base } from './time.ts'

/** Milliseconds of a plain call to the server, as the first request of this page. */
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

/** Preloads the manifest, as a page's HTML could, before anything is timed. */
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

/** Milliseconds from the start to the first answer of a page that waits for its download. */
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
 * Milliseconds from the start to the first answer, bridged by the server, and failures until the device answers.
 *
 * @param stay Whether to go on until the device answers.
 */
export async function bridge(stay: boolean) {
  const bytes = row()
  const start = performance.now()
  const runtime = await createRuntime({ server: base, policy: 'auto' })
  const model = await runtime.model('magika')
  const { placement } = await model.run({ bytes })
  const first = performance.now() - start
  if (placement.reason !== 'bridge') throw new Error(`Not bridged: ${placement.explanation}`)
  // Later requests must differ in nothing but the placement.
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
