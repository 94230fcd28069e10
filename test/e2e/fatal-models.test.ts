import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import type { createRuntime, RuntimeOptions } from '../../web/api/create-runtime.ts'
import type { Runtime } from '../../web/api/index.ts'
import { ints } from '../support/attention.ts'
import { endlessFolder, slowGraph, trappingFolder } from '../support/fatal-models.ts'
import { openBarePage } from '../support/page.ts'
import { runDigits } from '../support/run-digits.ts'
import { useSite } from '../support/site.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

declare global {
  interface Window {
    create: typeof createRuntime
  }
}

let context: BrowserContext
let page: Page
/** The lines of the page's console, its workers' included, and its uncaught errors. */
let lines: string[]

async function folder(id: string, graph: Uint8Array, shape: number[]): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, graph)
  return modelFolder(file, {
    id,
    title: id,
    task: 'tensor',
    inputs: [{ name: 'x', type: 'float32', shape: [1] }],
    outputs: [{ name: 'y', type: 'float32', shape }],
    batchAxis: null,
    tolerance: 0,
  })
}

/** It runs on nothing, zeros included. */
const refusingGraph = () =>
  encode(
    modelProto({
      nodes: [{ op: 'Reshape', inputs: ['x', 'two'], outputs: ['y'] }],
      inputs: [value('x', ['any'])],
      outputs: [value('y', ['two'])],
      tensors: [ints('two', [2])],
    }),
  )

/** ONNX Runtime warns of the weight that nothing reads when it loads the model, and of the output's shape when it runs. */
const noisyGraph = () =>
  encode(
    modelProto({
      nodes: [{ op: 'Expand', inputs: ['x', 'three'], outputs: ['y'] }],
      inputs: [value('x', [1])],
      outputs: [value('y', [2])],
      tensors: [ints('three', [3]), ints('unused', [7])],
    }),
  )

const site = useSite(async () => {
  const models = await endlessFolder()
  for (const other of await Promise.all([
    trappingFolder(),
    folder('slow', slowGraph(1), [1]),
    folder('noisy', noisyGraph(), [-1]),
    folder('refusing', refusingGraph(), [-1]),
  ]))
    await cp(other, models, { recursive: true })
  return { SPILLWAY_MODELS: models }
})
beforeEach(async () => {
  context = await site.browser.newContext()
  lines = []
  context.on('console', (message) => lines.push(message.text()))
  context.on('weberror', (error) => lines.push(String(error.error())))
  ;({ page } = await openBarePage(context, site.server.url))
  await page.evaluate(`import('/embed.js').then(({ createRuntime }) => { window.create = createRuntime })`)
})
afterEach(() => context.close())

interface Call {
  readonly id: string
  readonly x: number
  readonly timeouts?: RuntimeOptions['timeouts']
  readonly deadlineMs?: number
}

/** Runs a model on the device with a runtime of its own; resolves to the first output or the error. */
const run = (call: Call) =>
  page.evaluate(async ({ id, x, timeouts, deadlineMs }) => {
    let runtime: Runtime | undefined
    try {
      runtime = await window.create({ policy: 'device', ...(timeouts && { timeouts }) })
      const model = await runtime.model(id)
      const inputs = { x: Float32Array.of(x) }
      const { outputs } = await model.run(inputs, deadlineMs === undefined ? {} : { deadlineMs })
      return { data: [...(outputs.y?.data ?? [])].map(Number) }
    } catch (error) {
      return { code: (error as { code: string }).code, message: (error as Error).message }
    } finally {
      runtime?.close()
    }
  }, call)

describe('a page', { timeout: 180_000 }, () => {
  test('answers a model whose run on zeros never ends', async () => {
    expect(await run({ id: 'endless', x: 7, timeouts: { warmUpMs: 2_000 } })).toEqual({ data: [7] })
    expect(lines).toEqual([])
  })

  test('answers a model that traps on zeros, fails only what traps or is refused, and shows no warning or error of ONNX Runtime in the console', async () => {
    expect(await run({ id: 'trapping', x: 4 })).toEqual({ data: [3] })
    expect(await run({ id: 'trapping', x: 0 })).toMatchObject({ code: 'run_failed' })
    expect(await run({ id: 'noisy', x: 5 })).toEqual({ data: [5, 5, 5] })
    expect(await run({ id: 'refusing', x: 5 })).toMatchObject({ code: 'run_failed' })
    expect(lines).toEqual([])
  })

  test('replaces a worker that hung while it was idle, in seconds', async () => {
    expect(await runDigits(page, { policy: 'device' })).toMatchObject({ digit: 1 })
    const started = () => page.workers().filter((worker) => worker.url().includes('/entry'))
    const lanes = started()
    expect(lanes).not.toHaveLength(0)
    for (const [index, lane] of lanes.entries()) {
      const path = `/v2/models/hung-${index}`
      // From this request to the loop's end, the worker does nothing else.
      lane
        .evaluate((path) => {
          const request = new XMLHttpRequest()
          request.open('GET', new URL(path, origin), false)
          request.send()
          for (;;);
        }, path)
        .catch(() => undefined)
      await expect.poll(() => site.server.log).toContainEqual(expect.objectContaining({ path }))
    }
    // A lane that has answered within a second counts as alive.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    // Without the question for a sign of life it would take five minutes, longer than this test may.
    expect(await runDigits(page, { policy: 'device' })).toMatchObject({ digit: 1 })
    expect(started().filter((lane) => !lanes.includes(lane))).not.toHaveLength(0)
  })

  test('bounds a run without a deadline by an option, and says so; a deadline allows more', async () => {
    const timeouts = { runMs: 20 }
    const failed = await run({ id: 'slow', x: 0, timeouts })
    expect(failed).toMatchObject({
      // Not repeated in another lane, where it would take as long.
      code: 'run_failed',
      message: expect.stringContaining('raise timeouts.runMs of createRuntime or the deadlineMs'),
    })
    expect(await run({ id: 'slow', x: 0, timeouts, deadlineMs: 90_000 })).toEqual({ data: [0] })
    expect(await run({ id: 'slow', x: 0 })).toEqual({ data: [0] })
    expect(await run({ id: 'slow', x: 0, timeouts: { loadMs: -1 } })).toMatchObject({
      code: 'input_value_invalid',
      message: expect.stringContaining('timeouts.loadMs'),
    })
  })
})
