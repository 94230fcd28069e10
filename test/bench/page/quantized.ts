import { openRaw } from './raw.ts'
import { base, time } from './time.ts'

/** The page's requests are answered by the bench; a worker's need not be. */
const local = async (path: string): Promise<URL> =>
  new URL(URL.createObjectURL(await (await fetch(new URL(path, base))).blob()))

/** A model quantized against the same in floats, one row at a time, each in a worker of its own: milliseconds. */
export async function quantized(
  { full, small }: { readonly full: string; readonly small: string },
  type: 'float32' | 'int32',
  shape: readonly number[],
  rounds: number,
): Promise<{ ours: number[]; theirs: number[] }> {
  const [theirs, ours] = [await openRaw(await local(full)), await openRaw(await local(small))]
  const count = shape.reduce((all, size) => all * size, 1)
  const data =
    type === 'int32'
      ? Int32Array.from({ length: count }, () => Math.floor(Math.random() * 256))
      : Float32Array.from({ length: count }, () => Math.random())
  const timed = (raw: typeof ours) => time(() => raw.runAll([{ type, data, shape }]))
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] }
  for (let round = -3; round < rounds; round++) {
    const [mine, other] = [await timed(ours), await timed(theirs)]
    if (round < 0) continue
    times.ours.push(mine)
    times.theirs.push(other)
  }
  ours.close()
  theirs.close()
  return times
}
