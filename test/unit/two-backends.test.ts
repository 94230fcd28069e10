import { describe, expect, test } from 'vitest'
import type { RunResult } from '../../models/core/index.ts'
import { answersOf, backendsOf, model, openPage } from '../support/page-with-gpu.ts'

describe('a small model on a device with a GPU', () => {
  test('is loaded in WebAssembly, and on the GPU when the page is quiet', async () => {
    const page = openPage({ wasm: [0.2, 0.8], webgpu: [4.6, 0.02] })
    await page.load()
    expect(page.loaded()).toEqual(['wasm'])
    const [early] = await answersOf(page, 1)
    expect(early?.placement).toMatchObject({
      backend: 'wasm',
      explanation: 'The model is small, so WebAssembly on one thread before the GPU (acme)',
    })
    await page.pass(3_000, 5)
    expect(page.loaded()).toEqual(['wasm', 'webgpu'])
  })

  test('answers a lone call in WebAssembly, and what would wait there on the GPU', async () => {
    const page = openPage({ wasm: [0.2, 0.8], webgpu: [4.6, 0.02] })
    await page.load()
    await page.pass(3_000, 1)
    const [lone] = await answersOf(page, 1)
    expect(lone?.placement).toMatchObject({
      backend: 'wasm',
      reason: 'device-capable',
      explanation: 'WebAssembly answers 1 row in 1.0 ms here, WebGPU in 4.6 ms',
    })
    const many = await answersOf(page, 64)
    expect(backendsOf(many)).toEqual(['wasm', 'webgpu'])
    const onGpu = many.filter(({ placement }) => placement.backend === 'webgpu')
    expect(onGpu.length).toBeGreaterThan(50)
    expect(onGpu[0]?.placement.explanation).toBe(
      'WebGPU answers 1 row in 4.6 ms here, WebAssembly in 1.0 ms if no other request waits there',
    )
    expect(Math.max(...many.map(({ timings }) => timings.totalMs))).toBeLessThan(8)
    const wide = page.run(64)
    await page.pass(100, 0.2)
    expect((await wide).placement.explanation).toBe(
      'WebGPU answers 64 rows in 5.9 ms here, WebAssembly in 51 ms',
    )
    expect(backendsOf(await answersOf(page, 1))).toEqual(['wasm'])
  })

  test('leaves the GPU where that is never faster, and keeps the figures for the next visit', async () => {
    const costs = { wasm: [0.2, 0.08], webgpu: [6, 0.02] } as const
    const page = openPage(costs)
    await page.load()
    await page.pass(3_000, 1)
    expect(page.loaded()).toEqual(['wasm'])
    const [answer] = await answersOf(page, 1)
    expect(answer?.placement.explanation).toBe('WebAssembly answers 1 row in 0.3 ms here, WebGPU in 6.0 ms')

    const again = openPage(costs, page.kept)
    await again.load()
    await again.pass(3_000, 5)
    expect(again.runs(), 'nothing is measured again').toEqual([['wasm', 0]])
    const [next] = await answersOf(again, 1)
    expect(next?.placement.explanation).toBe('WebAssembly answers 1 row in 0.3 ms here, WebGPU in 6.0 ms')
  })

  test('leaves WebAssembly where the GPU is faster for any rows, and starts there at the next visit', async () => {
    const costs = { wasm: [8, 8], webgpu: [9, 0.7] } as const
    const page = openPage(costs)
    await page.load()
    await page.pass(4_000, 1)
    expect(page.loaded()).toEqual(['webgpu'])
    const [answer] = await answersOf(page, 1)
    expect(answer?.placement).toMatchObject({
      backend: 'webgpu',
      explanation: 'WebGPU answers 1 row in 9.7 ms here, WebAssembly in 16 ms',
    })
    const again = openPage(costs, page.kept)
    await again.load()
    expect(again.loaded()).toEqual(['webgpu'])
  })

  test('is on both backends at the next visit, without a measurement, where each is faster for some rows', async () => {
    const costs = { wasm: [0.2, 0.8], webgpu: [4.6, 0.02] } as const
    const page = openPage(costs)
    await page.load()
    await page.pass(3_000, 1)
    const again = openPage(costs, page.kept)
    await again.load()
    await again.pass(3_000, 5)
    expect(again.loaded()).toEqual(['wasm', 'webgpu'])
    expect(again.runs()).toEqual([
      ['wasm', 0],
      ['webgpu', 0],
    ])
    expect(backendsOf(await answersOf(again, 64))).toEqual(['wasm', 'webgpu'])
  })

  test('never tries the GPU where WebAssembly answers before a result could be read back', async () => {
    const page = openPage({ wasm: [0.05, 0.01], webgpu: [4.6, 0.02] })
    await page.load()
    await page.pass(6_000, 5)
    expect(page.runs().map(([backend]) => backend)).toEqual(['wasm'])
  })

  test('is measured with many rows, too, where its first requests had one each', async () => {
    const page = openPage({ wasm: [0.3, 0.01], webgpu: [4.6, 0.02] })
    const loading = page.router.load(model)
    await page.pass(30, 5)
    await loading
    await answersOf(page, 1)
    await page.pass(6_000, 5)
    // Else 64 rows would seem to take 20 ms.
    expect(page.runs().map(([backend]) => backend)).toEqual(['wasm'])
  })

  test('reaches the GPU on a page that is never quiet', async () => {
    const page = openPage({ wasm: [2, 14], webgpu: [4.6, 0.02] })
    await page.load()
    const answers: RunResult[] = []
    for (let index = 0; index < 300; index++) {
      const run = page.run()
      await page.pass(30, 2)
      answers.push(await run)
    }
    expect(backendsOf(answers.slice(0, 150))).toEqual(['wasm'])
    expect(backendsOf(answers.slice(-50))).toEqual(['webgpu'])
  })
})
