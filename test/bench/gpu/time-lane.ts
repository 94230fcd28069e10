import { zeroInputs } from '../../../models/core/axes.ts'
import type { Backend, Manifest } from '../../../models/core/index.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import type { GraphSource } from '../../../workers/protocol/lane.ts'
import { median } from '../bench-definition.ts'
import { rounds, sizes } from './row.ts'

/** Median milliseconds of one run of each batch size in a lane, on one backend. Used on both tiers. */
export async function timeLane(
  lane: Lane,
  { id, inputs, outputs, batchAxis }: Manifest,
  source: GraphSource,
  backend: Backend,
  threads: number,
): Promise<number[]> {
  await lane.start({ threads })
  await lane.load({ session: id, backend, source, inputs, outputs, batchAxis })
  const times: number[] = []
  for (const rows of sizes) {
    const measured: number[] = []
    for (let round = -2; round < rounds; round++) {
      const feeds = zeroInputs({ inputs, batchAxis }, rows)
      if (!feeds) throw new Error(`${id} has more than one open dimension`)
      const { computeMs } = await lane.run({ session: id, inputs: feeds })
      if (round >= 0) measured.push(computeMs)
    }
    times.push(median(measured))
  }
  return times
}
