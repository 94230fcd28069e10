import { expect, test } from 'vitest'
import { backendsOf, parseVariant, type VariantTarget } from '../../../models/tools/import/build-variant.ts'

const parse = (ids: readonly string[]): VariantTarget[] =>
  ids.map(parseVariant).filter((variant) => variant !== undefined)

test.each([
  [
    ['q8', 'q4', 'q4-wasm'],
    [['webgpu', 'cpu', 'cuda'], ['webgpu', 'cpu', 'cuda'], ['wasm']],
  ],
  [
    ['q8', 'fp16-wasm'],
    [undefined, ['wasm']],
  ],
  [
    ['q4', 'fp32'],
    [undefined, undefined],
  ],
  [
    ['q4f16', 'q4', 'q4-cpu'],
    [['webgpu', 'cuda'], ['webgpu', 'wasm', 'cuda'], ['cpu']],
  ],
  [
    ['q4f16', 'q4f16-paged', 'fp16-paged', 'q4'],
    [['webgpu', 'cuda'], ['webgpu'], ['webgpu'], undefined],
  ],
])('of %j: each variant is for the backends that suit it', (ids, backends) => {
  const all = parse(ids)
  expect(all.map((one) => backendsOf(one, all)?.toSorted())).toEqual(backends.map((one) => one?.toSorted()))
})

test.each(['q4-paged', 'fp32-paged', 'q4f16-paged-wasm', 'q4f16-wasm', 'q2'])('%s is no variant', (id) => {
  expect(parseVariant(id)).toBeUndefined()
})
