import { describe, expect, test } from 'vitest'
import type { Calibration, CalibrationStore } from '../../web/device/calibration/calibration-store.ts'
import { Calibrations } from '../../web/device/calibration/calibrations.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { measure } from '../../workers/host/scheduler/measure.ts'
import { digitsManifest } from '../support/test-models.ts'

const executedOn = { backend: 'wasm', variant: 'fp32' } as const

function memory(): CalibrationStore & { readonly kept: Map<string, Calibration>; writes: number } {
  const kept = new Map<string, Calibration>()
  const store = {
    kept,
    writes: 0,
    read: async (model: string) => kept.get(model),
    write: async (model: string, calibration: Calibration) => {
      store.writes++
      kept.set(model, structuredClone(calibration))
    },
  }
  return store
}

describe('a calibration', () => {
  test('is kept for the next visit, with what later requests added', async () => {
    const store = memory()
    const first = new Calibrations(store, () => Promise.resolve('this device'))
    await first.recall(digitsManifest)
    expect(first.curveOf(digitsManifest, executedOn)).toBeUndefined()
    const curve = CostCurve.from([{ rows: 1, ms: 2 }])
    first.keep(digitsManifest, executedOn, () => curve)
    await first.writeBack()
    curve.learn(64, 20)
    await first.writeBack()
    const { writes } = store
    await first.writeBack()
    expect(store.writes, 'an unchanged curve is not written').toBe(writes)

    const second = new Calibrations(store, () => Promise.resolve('this device'))
    await second.recall(digitsManifest)
    expect(second.curveOf(digitsManifest, executedOn)?.toJSON()).toEqual(curve.toJSON())
    expect(second.costsOf(digitsManifest)['wasm/fp32']?.predict(1)).toBe(2)
  })

  test('of another device or another version of the model does not count', async () => {
    const store = memory()
    const here = new Calibrations(store, () => Promise.resolve('this device'))
    await here.recall(digitsManifest)
    here.keep(digitsManifest, executedOn, () => CostCurve.from([{ rows: 1, ms: 2 }]))
    await here.writeBack()
    const there = new Calibrations(store, () => Promise.resolve('another'))
    await there.recall(digitsManifest)
    expect(there.curveOf(digitsManifest, executedOn)).toBeUndefined()
    const newer = { ...digitsManifest, version: '2' }
    await here.recall(newer)
    expect(here.costsOf(newer)).toEqual({})
  })
})

describe('measuring', () => {
  /** A device on which a run takes `fixed` milliseconds and `perRow` for each row. */
  const device = (fixed: number, perRow: number, idleRuns = Number.POSITIVE_INFINITY) => {
    const runs: number[] = []
    return {
      runs,
      backend: 'wasm' as const,
      isIdle: () => runs.length < idleRuns,
      run: async (rows: number) => {
        runs.push(rows)
        // The first run of each size is slow, but for one row: loading has warmed that up.
        return (fixed + perRow * rows) * (rows > 1 && runs.filter((one) => one === rows).length === 1 ? 5 : 1)
      },
    }
  }

  test('times runs of 1, 8 and 64 rows, and takes the fastest of each', async () => {
    const fast = device(0.1, 0.02)
    const curve = await measure(digitsManifest, fast)
    expect(curve?.toJSON().map(({ rows, ms }) => [rows, Math.round(ms * 100) / 100])).toEqual([
      [1, 0.12],
      [8, 0.26],
      [64, 1.38],
    ])
  })

  test('starts no run that would delay a request for long', async () => {
    const slow = device(0, 30)
    expect((await measure(digitsManifest, slow))?.toJSON()).toEqual([{ rows: 1, ms: 30 }])
    const slower = device(0, 400)
    await measure(digitsManifest, slower)
    expect(slower.runs).toEqual([1])
  })

  test('measures many rows on a GPU, where they cost little more than one', async () => {
    const gpu = { ...device(13, 0.02), backend: 'webgpu' as const }
    const curve = await measure(digitsManifest, gpu)
    expect(curve?.toJSON().map(({ rows, ms }) => [rows, Math.round(ms)])).toEqual([
      [1, 13],
      [8, 13],
      [64, 14],
    ])
    const slow = { ...device(89, 5), backend: 'webgpu' as const }
    await measure(digitsManifest, slow)
    expect(new Set(slow.runs)).toEqual(new Set([1]))
  })

  test('ends as soon as a request waits', async () => {
    const busy = device(0.1, 0.02, 2)
    expect((await measure(digitsManifest, busy))?.toJSON().map(({ rows }) => rows)).toEqual([1])
    const never = device(0.1, 0.02, 0)
    expect(await measure(digitsManifest, never)).toBeUndefined()
    expect(never.runs).toEqual([])
  })

  test('stays within the rows that the manifest allows', async () => {
    const limited = device(0.1, 0.02)
    await measure({ ...digitsManifest, batching: { maxRows: 8 } }, limited)
    expect(Math.max(...limited.runs)).toBe(8)
    const single = device(0.1, 0.02)
    await measure({ ...digitsManifest, batchAxis: null }, single)
    expect(Math.max(...single.runs)).toBe(1)
  })
})
