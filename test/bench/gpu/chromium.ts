import { launchHardware, launchWholeBrowser } from '../../support/page.ts'
import { startHarness } from '../harness.ts'
import type {} from '../page/main.ts'
import { type BenchPages, inPage } from './bench-page.ts'
import { type StreamsOptions, timeVariant, timeWebLlm } from './chromium-streams.ts'
import { type TextVariant, textVariants } from './models/text-model.ts'
import { type Row, sizes } from './row.ts'
import { rowSide } from './side-lines.ts'
import type { Sitting } from './sitting.ts'
import type { Sides } from './stream-row.ts'
import type { Library } from './webllm/library.ts'

export interface ChromiumOptions extends Omit<StreamsOptions, 'openPage'> {
  readonly models: readonly string[]
  /** The folder of the model that writes texts. */
  readonly textModels: string
  /** WebLLM's library for a GPU with or without 16-bit floats; undefined where WebLLM is left out. */
  readonly findLibrary: (hasHalves: boolean) => Promise<Library | undefined>
}

export interface InChromium {
  readonly device: string
  readonly rows: readonly Row[]
  /** What was timed of each variant that the GPU runs. */
  readonly streams: readonly (readonly [TextVariant, Omit<Sides, 'node'>])[]
}

/** Times each model in a lane of its own, on WebGPU and on WebAssembly, and texts on WebGPU. */
export async function timeInChromium({
  models,
  textModels,
  findLibrary,
  ...options
}: ChromiumOptions): Promise<InChromium> {
  const { isSoftware, sitting } = options
  const harness = await startHarness(isSoftware ? launchWholeBrowser : launchHardware, [textModels])
  try {
    const streamsOptions: StreamsOptions = { ...options, openPage: harness.openPage }
    const {
      device,
      hasHalves,
      isSoftware: isSoftwareHere,
    } = await inPage(streamsOptions, (page) => page.evaluate(() => window.bench.adapter()))
    if (isSoftwareHere && !isSoftware)
      throw new Error(`There is no GPU to measure: the WebGPU adapter is ${device}`)
    const library = await findLibrary(hasHalves)
    const rows: Row[] = []
    for (const model of models) rows.push(...(await timeRows(model, streamsOptions, sitting)))

    const streams: (readonly [TextVariant, Omit<Sides, 'node'>])[] = []
    for (const variant of textVariants) {
      if (variant.needsHalves && !hasHalves) {
        sitting.note(`${variant.id}: left out because the GPU has no shader-f16`)
        continue
      }
      const isOfLibrary = variant.needsHalves === library?.needsHalves && !variant.isPaged
      streams.push([
        variant,
        {
          ...(await timeVariant(variant, streamsOptions)),
          webLlm: library && isOfLibrary ? await timeWebLlm(library, streamsOptions) : [],
        },
      ])
    }
    return { device, rows, streams }
  } finally {
    await harness.close()
  }
}

const timeRows = (model: string, pages: BenchPages, sitting: Sitting): Promise<Row[]> =>
  sitting.measure(rowSide(`Chromium, ${model}`), async (found) => {
    const [gpu, cpu] = await inPage(pages, (page) =>
      page.evaluate(
        async (id) => [await window.bench.backend(id, 'webgpu'), await window.bench.backend(id, 'wasm')],
        model,
      ),
    )
    sizes.forEach((rows, index) => {
      found({ where: 'Chromium', model, rows, gpuMs: gpu?.[index] ?? 0, cpuMs: cpu?.[index] ?? 0 })
    })
  })
