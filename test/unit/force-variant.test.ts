import { expect, test } from 'vitest'
import { variantsFor } from '../../models/core/index.ts'
import { forceVariant } from '../../web/placement/force-variant.ts'
import { digitsManifest } from '../support/test-models.ts'

const ids = (choice: Parameters<typeof forceVariant>[1]) =>
  (['webgpu', 'wasm'] as const).map((backend) =>
    variantsFor(forceVariant(digitsManifest, choice), backend)
      .map(({ id }) => id)
      .join(' '),
  )

test('a forced choice leaves placement no other', () => {
  expect(forceVariant(digitsManifest, {})).toBe(digitsManifest)
  expect(ids({})).toEqual(['fp16 fp32', 'q8 fp16 fp32'])
  expect(ids({ backend: 'wasm' })).toEqual(['', 'q8 fp16 fp32'])
  expect(ids({ variant: 'fp32' })).toEqual(['fp32', 'fp32'])
  expect(ids({ backend: 'webgpu', variant: 'fp32' })).toEqual(['fp32', ''])
})

test('a choice that the model does not have is refused, and its own are named', () => {
  expect(() => forceVariant(digitsManifest, { variant: 'q4' })).toThrow(
    'digits has no variant "q4": expected "q8", "fp16" or "fp32"',
  )
  expect(() => forceVariant(digitsManifest, { backend: 'webgpu', variant: 'q8' })).toThrow(
    'digits has no variant "q8" for the backend webgpu: expected "fp16" or "fp32"',
  )
})
