import { systemClock } from '../../../models/async/clock.ts'
import { type Backend, modelFile, parseManifest, SpillwayError } from '../../../models/core/index.ts'
import { startWorkerLane } from '../../../workers/host/lane-client/browser/start-worker-lane.ts'
import { timeLane } from '../gpu/time-lane.ts'

/** Median milliseconds of one run of each batch size on one backend of this browser. */
export async function backend(id: string, name: Backend): Promise<number[]> {
  const base = new URL('/', location.href)
  const url = new URL(`models/${id}/manifest.json`, base)
  const manifest = parseManifest(await (await fetch(url)).json(), url.href)
  const file = manifest.variants[0]?.files[0]
  if (!file) throw new Error(`${id} has no file`)
  const graph = await (await fetch(new URL(modelFile(file), url))).arrayBuffer()
  const lane = startWorkerLane(`bench ${name}`, systemClock)
  try {
    const threads = crossOriginIsolated ? Math.max(1, navigator.hardwareConcurrency >> 1) : 1
    return await timeLane(lane, manifest, { from: 'bytes', graph, external: [] }, name, threads)
  } finally {
    lane.kill(new SpillwayError('closed', 'The bench is over'))
  }
}

/** The browser's GPU in words, and whether it computes with 16-bit floats. */
export async function adapter(): Promise<{ device: string; isSoftware: boolean; hasHalves: boolean }> {
  const found = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!found) return { device: 'none', isSoftware: true, hasHalves: false }
  const { vendor, architecture, description, isFallbackAdapter } = found.info
  return {
    device: [vendor, architecture, description].filter((word) => word !== '').join(' '),
    hasHalves: found.features.has('shader-f16'),
    isSoftware: isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${architecture} ${description}`),
  }
}
