import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import type { Manifest, TensorSpec, Variant } from '../../models/core/index.ts'
import type { Placement, Policy } from '../../web/api/index.ts'
import { classicalModel, embeddingInBlocks, embeddingInFloats } from '../support/backend-models.ts'
import { openBarePage } from '../support/page.ts'
import { pretendGpu } from '../support/pretend-gpu.ts'
import { useSite } from '../support/site.ts'
import { emptyFolder } from '../support/test-models.ts'

const site = useSite(async () => {
  const folder = await emptyFolder()
  const floats = embeddingInFloats()
  const half = floats.slice(0, floats.length >> 1)
  await writeEmbedding(folder, 'cut', { graph: half, backends: ['webgpu'] }, ['webgpu'])
  await writeEmbedding(folder, 'cut-gpu', { graph: half, backends: ['webgpu'] }, ['wasm', 'cpu'])
  await writeEmbedding(folder, 'blocks', { graph: embeddingInBlocks() })
  const numbers = (name: string): TensorSpec => ({ name, type: 'float32', shape: [-1, 3] })
  const classical = await writeVariant(folder, 'unread', 'fp32', classicalModel())
  await writeManifest(folder, 'unread', [numbers('x'), numbers('y')], [classical])
  const marked = await writeVariant(folder, 'marked', 'fp32', classicalModel(), ['cpu', 'cuda'])
  await writeManifest(folder, 'marked', [numbers('x'), numbers('y')], [marked])
  return { SPILLWAY_MODELS: folder }
})

/** An embedding with a better variant of 4 bits, and one of floats. */
async function writeEmbedding(
  folder: string,
  id: string,
  better: { readonly graph: Uint8Array; readonly backends?: Variant['backends'] },
  backends?: Variant['backends'],
): Promise<void> {
  const x: TensorSpec = { name: 'x', type: 'int64', shape: [-1, 4] }
  const y: TensorSpec = { name: 'y', type: 'float32', shape: [-1, 256] }
  await writeManifest(
    folder,
    id,
    [x, y],
    [
      await writeVariant(folder, id, 'q4', better.graph, better.backends),
      await writeVariant(folder, id, 'fp32', embeddingInFloats(), backends),
    ],
  )
}

async function writeVariant(
  folder: string,
  id: string,
  precision: Variant['precision'],
  graph: Uint8Array,
  backends?: Variant['backends'],
): Promise<Variant> {
  const path = `${precision}/model.onnx`
  const file = join(folder, id, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, graph)
  const sha256 = createHash('sha256').update(graph).digest('hex')
  const files = [{ path, size: graph.length, sha256 }]
  // Too large to start in WebAssembly where there is a GPU.
  return { id: precision, precision, memory: 2 ** 27, files, ...(backends && { backends }) }
}

const writeManifest = (
  folder: string,
  id: string,
  [input, output]: readonly [TensorSpec, TensorSpec],
  variants: Variant[],
): Promise<void> => {
  const manifest: Manifest = {
    schema: 1,
    id,
    version: '1',
    title: id,
    description: 'A model for tests.',
    license: 'MIT',
    task: 'tensor',
    inputs: [input],
    outputs: [output],
    batchAxis: 0,
    batching: { evidence: 'proven' },
    variants,
  }
  return writeFile(join(folder, id, 'manifest.json'), JSON.stringify(manifest))
}

async function open(hasGpu = false): Promise<Page> {
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  if (hasGpu) await pretendGpu(context)
  const { page } = await openBarePage(context, site.server.url)
  return page
}

interface Outcome {
  readonly placement: Placement
  readonly values: number
  /** Lanes' sessions that exist now. */
  readonly sessions: readonly string[]
}

const run = (page: Page, id: string, policy: Policy): Promise<Outcome> =>
  page.evaluate(
    async ([id, policy]) => {
      window.spillway.policy = policy
      const model = await window.spillway.model(id)
      const [input] = model.manifest.inputs
      const data = input?.type === 'int64' ? new BigInt64Array([1n, 2n, 3n, 4n]) : new Float32Array([1, 2, 3])
      const { outputs, placement } = await model.run({ x: data })
      const sessions = window.spillway.stats().device.lanes.flatMap(({ sessions }) => sessions)
      const own = sessions.map(({ session }) => session).filter((session) => session.startsWith(`${id}@`))
      return { placement, values: outputs.y?.data.length ?? 0, sessions: own }
    },
    [id, policy] as const,
  )

test('a file that is cut off leads to the next variant on the same backend', async () => {
  const { placement, values, sessions } = await run(await open(true), 'cut', 'device')
  expect(placement).toMatchObject({ backend: 'webgpu', variant: 'fp32' })
  expect(placement.explanation).toMatch(/"q4" failed there \(ONNX Runtime cannot load .*\), so "fp32"/)
  expect([values, sessions]).toEqual([256, ['cut@1/fp32/webgpu']])
})

test('a file that is cut off leads to the other backend where it is the only variant', async () => {
  const { placement, values } = await run(await open(true), 'cut-gpu', 'device')
  expect(placement).toMatchObject({ backend: 'wasm', variant: 'fp32' })
  expect(values).toBe(256)
})

test('a variant whose operator the browser lacks leads to the next one', async () => {
  const { placement, values } = await run(await open(), 'blocks', 'device')
  expect(placement).toMatchObject({ backend: 'wasm', variant: 'fp32' })
  expect(placement.explanation).toContain('Could not find an implementation for GatherBlockQuantized')
  expect(values).toBe(256)
})

test('a model that only the server can run goes there at once where its manifest says so', async () => {
  const { placement, values } = await run(await open(), 'marked', 'prefer-device')
  expect(placement).toMatchObject({ tier: 'server', reason: 'variant-missing' })
  expect(placement.explanation).toBe('The model needs cpu or cuda; the device has wasm')
  expect(values).toBe(3)
})

test('a model that only the server can run goes there once the device has failed, and says why', async () => {
  const page = await open()
  const first = await run(page, 'unread', 'auto')
  expect(first.placement).toMatchObject({ tier: 'server', reason: 'bridge' })
  await expect
    .poll(() => run(page, 'unread', 'auto'))
    .toMatchObject({
      placement: {
        tier: 'server',
        reason: 'device-failed',
        explanation: expect.stringMatching(/^The device failed: .*No Op registered for Normalizer/),
      },
    })
  const failure = await page.evaluate(async () => {
    window.spillway.policy = 'device'
    return window.spillway.model('unread').catch(({ code, message }) => ({ code, message }))
  })
  expect(failure).toMatchObject({
    code: 'model_invalid',
    message: expect.stringContaining('No Op registered for Normalizer'),
  })
})
