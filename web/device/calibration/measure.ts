import { batchAxisOf, byteLength, type Manifest, shapeOfRows } from '../../../models/core/index.ts'
import { CostCurve } from '../../../workers/host/scheduler/cost-curve.ts'

/** What is measured: a few sizes, from which the cost of others follows. */
const sizes = [1, 8, 64] as const

/** The first run of a size may compile shaders or grow memory: the quickest counts. */
const runsEach = 3

/** Milliseconds: a request that comes meanwhile waits for one run at most, and all of them together are soon done. */
const longestRunMs = 100
const totalMs = 500

/** Bytes of inputs: the page's thread makes and packs them. */
const maxBytes = 2 ** 20

export interface Trial {
  /** Whether no request waits or runs: requests come first. */
  isIdle(): boolean
  /** Runs so many rows of nothing; how long the run took, in milliseconds, or nothing where that cannot be said. */
  run(rows: number): Promise<number | undefined>
}

/** Times a few runs of a model that was just loaded; nothing where there was no time for any. */
export async function measure(manifest: Manifest, { isIdle, run }: Trial): Promise<CostCurve | undefined> {
  const curve = new CostCurve()
  let spent = 0
  let measured = 0
  for (const rows of sizes) {
    if (!fits(manifest, rows)) break
    // More rows cost no more than as many of those already measured: what a first run takes beyond that is its own.
    const bound = curve.isKnown
      ? (curve.predict(curve.largestRows) * rows) / curve.largestRows
      : Number.POSITIVE_INFINITY
    let least = bound
    for (let index = 0; index < runsEach; index++) {
      const expected = Number.isFinite(least) ? least : 0
      if (!isIdle() || expected > longestRunMs || spent + expected > totalMs) break
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
  const bytes = inputs.reduce(
    (sum, spec) =>
      sum + byteLength(spec.type, shapeOfRows(spec, batchAxisOf(manifest, spec), rows).map(Math.abs)),
    0,
  )
  return bytes <= maxBytes
}
