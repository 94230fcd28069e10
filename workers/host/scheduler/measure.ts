import {
  type Backend,
  batchAxisOf,
  byteLength,
  elementCount,
  type Manifest,
  shapeOfRows,
} from '../../../models/core/index.ts'
import { CostCurve } from './cost-curve.ts'

/** Rows of the measured runs; the cost of others is interpolated. */
const sizes = [1, 8, 64] as const

/** Runs of each size. The fastest counts, since the first may compile shaders or grow memory. */
const runsEach = 3

/** The longest run and the longest measurement, in milliseconds. A request that arrives meanwhile waits for one run at most. */
const longestRunMs = 100
const totalMs = 500

/** The same total on a GPU, where the first run of a size may compile shaders. */
const totalGpuMs = 2_000

/** How many times longer eight times the rows are expected to take on a GPU: most of a run is its fixed cost there. */
const gpuGrowth = 2

/** The most bytes of inputs: the page's thread creates and packs them. */
const maxBytes = 2 ** 20

export interface MeasureOptions {
  readonly backend: Backend
  /** Whether no request waits or runs. Measuring ends when one does. */
  isIdle(): boolean
  /** Runs so many rows of zeros. Resolves to the lane's milliseconds, or undefined where it could not run. */
  run(rows: number): Promise<number | undefined>
}

/** Times a few runs of a model that was just loaded. Undefined where there was no time for any. */
export async function measure(
  manifest: Manifest,
  { backend, isIdle, run }: MeasureOptions,
): Promise<CostCurve | undefined> {
  const isGpu = backend === 'webgpu' || backend === 'cuda'
  const mostMs = isGpu ? totalGpuMs : totalMs
  const curve = new CostCurve()
  let spent = 0
  let measured = 0
  for (const rows of sizes) {
    if (!fits(manifest, rows)) break
    // More rows cost at most as much as several smaller runs: any excess of a first run is its own warm-up.
    const bound = curve.isKnown
      ? (curve.predict(curve.largestRows) * rows) / curve.largestRows
      : Number.POSITIVE_INFINITY
    const likely = isGpu ? curve.predict(curve.largestRows) * gpuGrowth : bound
    let least = bound
    for (let index = 0; index < runsEach; index++) {
      const expected = Number.isFinite(least) ? Math.min(least, likely) : 0
      if (!isIdle() || expected > longestRunMs || spent + expected > mostMs) break
      const ms = await run(rows)
      if (ms === undefined) return undefined
      spent += ms
      least = Math.min(ms, least)
      if (index === 0) measured = rows
    }
    if (measured !== rows) break
    curve.learn(rows, least)
  }
  return curve.isKnown ? curve : undefined
}

function fits(manifest: Manifest, rows: number): boolean {
  const { inputs, batchAxis, batching } = manifest
  if (rows === 1) return true
  if (batchAxis === null || rows > (batching?.maxRows ?? rows)) return false
  const bytes = inputs.reduce((sum, spec) => {
    const shape = shapeOfRows(spec, batchAxisOf(manifest, spec), rows).map(Math.abs)
    return sum + (spec.type === 'string' ? 4 * elementCount(shape) : byteLength(spec.type, shape))
  }, 0)
  return bytes <= maxBytes
}
