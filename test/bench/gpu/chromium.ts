import type { Page } from 'playwright-core'
import { launchHardware, launchWholeBrowser } from '../../support/page.ts'
import { startHarness } from '../harness.ts'
import type {} from '../page/main.ts'
import { type StreamsOptions, timeVariant, timeWebLlm } from './chromium-streams.ts'
import { importTextModel, type TextVariant, textVariants } from './models/text-model.ts'
import { type Row, sizes } from './row.ts'
import type { Sides } from './stream-row.ts'
import { measuredOrNothing } from './tell.ts'
import type { Library } from './webllm/library.ts'

export interface ChromiumOptions extends Omit<StreamsOptions, 'openPage'> {
  readonly models: readonly string[]
  /** WebLLM's library for a GPU with or without 16-bit floats; undefined where WebLLM is left out. */
  readonly findLibrary: (hasHalves: boolean) => Promise<Library | undefined>
}

export interface InChromium {
  readonly device: string
  readonly rows: readonly Row[]
  /** What was timed of each variant that the GPU runs. */
  readonly streams: readonly (readonly [TextVariant, Omit<Sides, 'node'>])[]
  /** The folder of the model that writes texts. */
  readonly textModels: string
}

/** Times each model in a lane of its own, on WebGPU and on WebAssembly, and texts on WebGPU. */
export async function timeInChromium({
  models,
  findLibrary,
  ...options
}: ChromiumOptions): Promise<InChromium> {
  const { isSoftware } = options
  const textModels = await importTextModel(options.sizes)
  const harness = await startHarness(isSoftware ? launchWholeBrowser : launchHardware, [textModels])
  try {
    const page = await harness.openPage()
    const {
      device,
      hasHalves,
      isSoftware: isSoftwareHere,
    } = await page.evaluate(() => window.bench.adapter())
    if (isSoftwareHere && !isSoftware)
      throw new Error(`There is no GPU to measure: the WebGPU adapter is ${device}`)
    const library = await findLibrary(hasHalves)
    const rows: Row[] = []
    for (const model of models) rows.push(...(await timeRows(page, model)))
    await page.context().close()

    const streamsOptions: StreamsOptions = { ...options, openPage: harness.openPage }
    const streams: (readonly [TextVariant, Omit<Sides, 'node'>])[] = []
    for (const variant of textVariants) {
      if (variant.needsHalves && !hasHalves) continue
      const isOfLibrary = variant.needsHalves === library?.needsHalves && !variant.isPaged
      streams.push([
        variant,
        {
          ...(await timeVariant(variant, streamsOptions)),
          webLlm:
            library && isOfLibrary
              ? await measuredOrNothing('WebLLM', () => timeWebLlm(library, streamsOptions))
              : [],
        },
      ])
    }
    return { device, rows, streams, textModels }
  } finally {
    await harness.close()
  }
}

async function timeRows(page: Page, model: string): Promise<Row[]> {
  const [gpu, cpu] = await page.evaluate(
    async (id) => [await window.bench.backend(id, 'webgpu'), await window.bench.backend(id, 'wasm')],
    model,
  )
  return sizes.map((size, index) => ({
    where: 'Chromium',
    model,
    rows: size,
    gpuMs: gpu?.[index] ?? 0,
    cpuMs: cpu?.[index] ?? 0,
  }))
}
