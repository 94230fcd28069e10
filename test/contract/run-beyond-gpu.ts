import { expect } from 'vitest'
import type { Tensor } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'

/** The sum of so many copies of `x`, which are held in one buffer: Expand, then ReduceSum. */
const sumOfCopies = Uint8Array.from(
  atob(
    'CAg6jgEKKQoBeAoGY29waWVzEghleHBhbmRlZBoIZXhwYW5kZWQiBkV4cGFuZDoACiEKCGV4cGFuZGVkEgNzdW0aA3N1bSIJUmVkdWNlU3VtOgASBHRlc3RaDwoBeBIKCggIARIECgIIAVoUCgZjb3BpZXMSCgoICAcSBAoCCAFiEQoDc3VtEgoKCAgBEgQKAggBQgIQEUIRCg1jb20ubWljcm9zb2Z0EAFCDgoKYWkub25ueC5tbBAD',
  ),
  (character) => character.charCodeAt(0),
)

/**
 * A run that is larger than the GPU allows fails, and the lane goes on.
 *
 * @param copies Floats that fit no buffer of the GPU.
 */
export async function failsBeyondGpu(lane: Lane, copies: number): Promise<void> {
  await lane.start({ threads: 1 })
  await lane.load({
    session: 'sum',
    backend: 'webgpu',
    source: { from: 'bytes', graph: new Uint8Array(sumOfCopies).buffer, external: [] },
    inputs: [
      { name: 'x', type: 'float32', shape: [1] },
      { name: 'copies', type: 'int64', shape: [1] },
    ],
    outputs: [{ name: 'sum', type: 'float32', shape: [1] }],
    batchAxis: null,
  })
  const sumOf = (copies: number) => {
    const x: Tensor = { type: 'float32', data: Float32Array.of(2), shape: [1] }
    const count: Tensor = { type: 'int64', data: BigInt64Array.of(BigInt(copies)), shape: [1] }
    return lane.run({ session: 'sum', inputs: { x, copies: count } })
  }
  expect((await sumOf(8)).outputs.sum?.data).toEqual(Float32Array.of(16))
  await expect(sumOf(copies)).rejects.toMatchObject({ code: 'run_failed' })
  expect((await sumOf(4)).outputs.sum?.data).toEqual(Float32Array.of(8))
}
