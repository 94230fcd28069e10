import { createRuntime } from '../../../web/api/index.ts'

/** 64 calls of magika at once: of a runtime with two lanes, and of one with one lane. */
export async function lanes(rounds: number) {
  const server = new URL('/', location.href)
  const open = async (maxLanes: number) => {
    const runtime = await createRuntime({ server, policy: 'device', maxLanes })
    return { runtime, model: await runtime.model('magika') }
  }
  const [many, one] = [await open(2), await open(1)]
  const rows = Array.from({ length: 64 }, () =>
    Int32Array.from({ length: 2_048 }, () => Math.floor(Math.random() * 257)),
  )
  const time = async ({ model }: typeof many) => {
    const start = performance.now()
    await Promise.all(rows.map((bytes) => model.run({ bytes })))
    return performance.now() - start
  }
  const loaded = () =>
    many.runtime
      .stats()
      .device.lanes.filter(({ state, sessions }) => state !== 'starting' && sessions.length > 0).length
  // The autoscaler adds the second lane because calls wait; then both are warmed up.
  for (let round = 0; loaded() < 2; round++) {
    if (round === 30) throw new Error('No second lane came')
    await time(many)
  }
  for (let round = 0; round < 2; round++) {
    await time(many)
    await time(one)
  }
  const times = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    times.ours.push(await time(many))
    times.theirs.push(await time(one))
  }
  if (loaded() < 2) throw new Error('The second lane did not stay')
  many.runtime.close()
  one.runtime.close()
  return times
}
