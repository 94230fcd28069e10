import { expect, test } from 'vitest'
import type { Tensor } from '../../models/core/index.ts'
import { freeInputs } from '../../workers/lane/node/free-inputs.ts'

const tensor = (length: number): Tensor => ({ type: 'uint8', data: new Uint8Array(length), shape: [length] })

test('the memory of a run’s large inputs is freed, once, but not what its outputs share', () => {
  const [large, small, shared] = [tensor(100_000), tensor(60_000), tensor(100_000)]
  freeInputs({ large, same: large, small, shared }, { output: shared })
  expect([large, small, shared].map(({ data }) => data.length)).toEqual([0, 60_000, 100_000])
})
