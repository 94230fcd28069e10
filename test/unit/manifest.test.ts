import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../models/index.ts'
import { digitsManifest } from '../support/test-models.ts'

const withFile = (path: string) => ({
  ...digitsManifest,
  variants: digitsManifest.variants.map((variant) => ({
    ...variant,
    files: variant.files.map((file) => ({ ...file, path })),
  })),
})

describe('parseManifest', () => {
  test('takes the manifest of digits as it is', () => {
    expect(parseManifest(digitsManifest, 'a test')).toEqual(digitsManifest)
  })

  test.each([
    ['no object', 'x', 'the document'],
    ['another schema', { ...digitsManifest, schema: 2 }, 'schema'],
    ['an unknown field', { ...digitsManifest, extra: 1 }, 'the document'],
    ['an id that is a path', { ...digitsManifest, id: '../etc' }, 'id'],
    ['a policy for a task', { ...digitsManifest, task: 'device' }, 'task'],
    [
      'a zero in a shape',
      { ...digitsManifest, inputs: [{ name: 'a', type: 'float32', shape: [0] }] },
      'inputs.0.shape.0',
    ],
    [
      'a variant for no backend',
      { ...digitsManifest, variants: digitsManifest.variants.map((one) => ({ ...one, backends: [] })) },
      'variants.0.backends',
    ],
    ['no variant', { ...digitsManifest, variants: [] }, 'variants'],
    [
      'a batch axis that an output lacks',
      { ...digitsManifest, outputs: [{ name: 'b', type: 'float32', shape: [10] }] },
      'the document',
    ],
    ['a file above the folder', withFile('../model.onnx'), 'variants.0.files.0.path'],
    ['a file with an absolute path', withFile('/etc/passwd'), 'variants.0.files.0.path'],
    ['a hidden file', withFile('a/.env'), 'variants.0.files.0.path'],
    ['a file by another separator', withFile('a\\b'), 'variants.0.files.0.path'],
  ])('refuses %s, and names the field', (_what, value, field) => {
    expect(() => parseManifest(value, 'a test')).toThrow(
      expect.objectContaining({ code: 'manifest_invalid', message: expect.stringContaining(`at ${field}`) }),
    )
  })
})
