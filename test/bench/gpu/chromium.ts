import { launchBrowser, launchHardware } from '../../support/page.ts'
import { makeBed } from '../harness.ts'
import { type Row, sizes } from './row.ts'

/**
 * Each model in a lane of its own, on WebGPU and on WebAssembly.
 *
 * @param software Whether an adapter that runs on the CPU will do.
 */
export async function inChromium(
  models: readonly string[],
  software: boolean,
): Promise<{ device: string; rows: Row[] }> {
  const bed = await makeBed(software ? launchBrowser : launchHardware)
  const page = await bed.openPage()
  const { device, isSoftware } = await page.evaluate(() => window.bench.adapter())
  if (isSoftware && !software) throw new Error(`There is no GPU to measure: WebGPU's adapter is ${device}`)
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
  await bed.close()
  return { device, rows }
}
