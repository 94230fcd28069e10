import { describe, expect, test } from 'vitest'
import { checkInputs, SpillwayError } from '../../models/core/index.ts'
import { answersOf, backendOf, backendsOf, model, only, openPage } from '../support/page-with-gpu.ts'

describe('a failure on one backend', () => {
  const costs = { wasm: [0.2, 0.8], webgpu: [4.6, 0.02] } as const
  test('while it is tried, leaves every request to the other one', async () => {
    const page = openPage(costs, undefined, {
      faultOfLoad: ({ backend }) =>
        backend === 'webgpu' ? new SpillwayError('model_invalid', 'no such kernel') : undefined,
    })
    await page.load()
    await page.pass(3_000, 5)
    expect(page.loaded()).toEqual(['wasm'])
    const many = await answersOf(page, 64)
    expect(backendsOf(many)).toEqual(['wasm'])
    expect(many[0]?.placement.explanation).toBe(
      'WebGPU failed (no such kernel), so WebAssembly on one thread',
    )
  })

  test('at its first load, leads to the other one', async () => {
    const page = openPage(costs, undefined, {
      faultOfLoad: ({ backend }) =>
        backend === 'wasm' ? new SpillwayError('model_invalid', 'no such kernel') : undefined,
    })
    await page.load()
    expect(page.loaded()).toEqual(['webgpu'])
    expect(backendsOf(await answersOf(page, 3))).toEqual(['webgpu'])
  })

  test('of a run moves that request to the other one', async () => {
    const failing = { now: '' }
    const page = openPage(costs, undefined, {
      faultOfRun: (session) =>
        backendOf(session) === failing.now ? new SpillwayError('run_failed', 'NaN') : undefined,
    })
    await page.load()
    await page.pass(3_000, 1)
    expect(page.loaded()).toEqual(['wasm', 'webgpu'])
    failing.now = 'wasm'
    expect(backendsOf(await answersOf(page, 1))).toEqual(['webgpu'])
    failing.now = 'webgpu'
    const runs = Array.from({ length: 64 }, () => page.run())
    await page.pass(800, 1)
    expect(backendsOf(await Promise.all(runs))).toEqual(['wasm'])
    failing.now = ''
    expect(backendsOf(await answersOf(page, 64))).toEqual(['wasm', 'webgpu'])
  })
})

describe('a variant that cannot be loaded or run', () => {
  const variants = ['q4', 'fp32'].flatMap((id) =>
    only.map((variant) => ({ ...variant, id, memory: 2 ** 27 })),
  )
  const large = { ...model, variants }

  test('leads to the next one on the same backend, then to the next backend', async () => {
    const loads: string[] = []
    const page = openPage({ wasm: [1, 1], webgpu: [1, 1] }, undefined, {
      faultOfLoad: ({ session, backend }) => {
        loads.push(session.slice(session.indexOf('/') + 1))
        return backend === 'webgpu'
          ? new SpillwayError('model_invalid', `${session} cannot be run`)
          : undefined
      },
    })
    const loading = page.router.load(large)
    await page.pass(200, 5)
    await loading
    expect(loads).toEqual(['q4/webgpu', 'fp32/webgpu', 'q4/wasm'])
  })

  test('is not loaded again, and its error is the answer where nothing else is left', async () => {
    const loads: string[] = []
    const page = openPage({ wasm: [1, 1], webgpu: [1, 1] }, undefined, {
      faultOfLoad: ({ session }) => {
        loads.push(session)
        return new SpillwayError('model_invalid', 'There is no kernel for TreeEnsemble')
      },
    })
    for (let attempt = 0; attempt < 3; attempt++) {
      const loading = expect(page.router.load(large)).rejects.toMatchObject({
        code: 'model_invalid',
        message: expect.stringContaining('no kernel for TreeEnsemble'),
      })
      await page.pass(200, 5)
      await loading
      await page.pass(3_600_000, 600_000)
    }
    expect(loads).toHaveLength(4)
  })
})

describe('a backend where every run fails', () => {
  const inputs = checkInputs(model, { image: new Float32Array(784) })
  const broken = (runs: string[]) => ({
    faultOfRun: (session: string) => {
      runs.push(backendOf(session))
      return backendOf(session) === 'webgpu' ? new SpillwayError('run_failed', 'no kernel') : undefined
    },
  })
  const large = { ...model, variants: only.map((variant) => ({ ...variant, memory: 2 ** 27 })) }

  test('is avoided after a few requests that the other backend answered, longer each time', async () => {
    const runs: string[] = []
    const page = openPage({ wasm: [30, 1], webgpu: [1, 1] }, undefined, broken(runs))
    const ask = async () => {
      runs.length = 0
      // A load is no run that succeeded.
      const loading = page.router.load(large)
      await page.pass(100, 1)
      await loading
      const run = page.router.run(large, inputs, { policy: 'device' })
      await page.pass(200, 1)
      expect((await run).placement.backend).toBe('wasm')
      return runs.includes('webgpu')
    }
    const asked: boolean[] = []
    for (let request = 0; request < 5; request++) asked.push(await ask())
    expect(asked).toEqual([true, true, true, false, false])
    await page.pass(30_000, 1_000)
    expect([await ask(), await ask()]).toEqual([true, false])
    await page.pass(30_000, 1_000)
    expect(await ask()).toBe(false)
    await page.pass(30_000, 1_000)
    expect([await ask(), await ask()]).toEqual([true, false])
  })
})
