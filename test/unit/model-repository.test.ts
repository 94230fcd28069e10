import { expect, test } from 'vitest'
import { ModelCatalogue } from '../../server/inference/catalogue.ts'
import type { ModelState } from '../../server/inference/inference.ts'
import { createModelRepository } from '../../server/inference/model-repository.ts'
import { digitsManifest } from '../support/test-models.ts'

test('a model of another engine is listed, and not unloaded here: its requests would go on', () => {
  const unloaded: string[] = []
  let state: ModelState = 'ready'
  const repository = createModelRepository({
    catalogue: new ModelCatalogue([
      { manifest: digitsManifest, folder: '' },
      {
        manifest: { ...digitsManifest, id: 'elsewhere' },
        folder: '',
        upstream: { protocol: 'oip', urls: ['http://127.0.0.1:1'], maxConcurrent: 1 },
      },
    ]),
    inference: {
      state: () => state,
      failure: () => undefined,
      unload: ({ manifest }) => unloaded.push(manifest.id),
    },
    reread: async () => [],
  })
  expect(() => repository.unload('elsewhere')).toThrow('elsewhere is run by another engine')
  repository.unload('digits')
  expect(unloaded).toEqual(['digits'])
  state = 'failed'
  expect(repository.index(false)).toMatchObject([
    { name: 'digits', state: 'UNAVAILABLE', reason: 'not loaded' },
    { name: 'elsewhere', state: 'UNAVAILABLE', reason: 'its engine does not answer' },
  ])
})
