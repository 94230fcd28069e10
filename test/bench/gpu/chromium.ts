import { launchHardware, launchWholeBrowser } from '../../support/page.ts'
import { startHarness } from '../harness.ts'
import { type Row, sizes } from './row.ts'
import { type StreamRow, streamModels, timeStreams } from './streams.ts'

/**
 * Times each model in a lane of its own, on WebGPU and on WebAssembly, and texts on WebGPU.
 *
 * @param software Whether a software adapter is accepted.
 */
export async function timeInChromium(
  models: readonly string[],
  software: boolean,
): Promise<{ device: string; rows: Row[]; streams: StreamRow[] }> {
  const harness = await startHarness(
    software ? launchWholeBrowser : launchHardware,
    await streamModels(software),
  )
  const page = await harness.openPage()
  const { device, isSoftware } = await page.evaluate(() => window.bench.adapter())
  if (isSoftware && !software) throw new Error(`There is no GPU to measure: the WebGPU adapter is ${device}`)
  const rows: Row[] = []
  for (const model of models) {
    const [gpu, cpu] = await page.evaluate(
      async (id) => [await window.bench.backend(id, 'webgpu'), await window.bench.backend(id, 'wasm')],
      model,
    )
    sizes.forEach((size, index) => {
      rows.push({ where: 'Chromium', model, rows: size, gpuMs: gpu?.[index] ?? 0, cpuMs: cpu?.[index] ?? 0 })
    })
  }
  const streams = await timeStreams(page, software)
  await harness.close()
  return { device, rows, streams }
}
