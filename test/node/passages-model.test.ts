import { readFile } from 'node:fs/promises'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { parseManifest } from '../../models/core/index.ts'
import { textFiles } from '../../models/core/manifest.ts'
import { createIndex } from '../../web/search/neighbours.ts'
import { embed, type RunTokens } from '../../workers/host/text/embedding/embedder.ts'
import { TextModels } from '../../workers/host/text/text-models.ts'

const passages = [
  'The king gave a great feast for the wedding of his daughter, and the prince sat at her side in the hall of the palace.',
  'The ship sailed out of the harbour, the wind rose, and the sailors lowered the boat into the waves of the sea.',
  'The wolf crept through the forest behind the goats and the little lamb, and hid under the trees.',
  'The old woman baked bread in the oven, and there was cake and soup and cheese on the table for dinner.',
]

const questions: readonly (readonly [string, number])[] = [
  ['a queen on her throne', 0],
  ['the captain and his crew were shipwrecked', 1],
  ['sheep and a fox in the woods', 2],
  ['I am hungry, give me something to eat', 3],
]

const readBytes = (path: string) =>
  readFile(new URL(`../../models/catalogue/passages/${path}`, import.meta.url))

test('the embedding model of the catalogue finds passages that share no rare word with a question', async () => {
  const manifest = parseManifest(JSON.parse(String(await readBytes('manifest.json'))), 'manifest.json')
  const session = await InferenceSession.create(await readBytes('q8/model.onnx'))
  const run: RunTokens = async ({ input_ids }) => {
    const ids = input_ids?.data
    if (!(ids instanceof BigInt64Array)) throw new Error('The ids are no int64')
    const { last_hidden_state: hidden } = await session.run({
      input_ids: new Tensor('int64', ids, [1, ids.length]),
    })
    const data = Float32Array.from(hidden?.data ?? [], Number)
    return { last_hidden_state: { type: 'float32', data, shape: [1, ids.length, data.length / ids.length] } }
  }
  const reader = await new TextModels(systemClock).reader(manifest, () =>
    Promise.all(textFiles(manifest).map(({ path }) => readBytes(path))),
  )
  const { embeddings } = await embed(manifest, reader, [...passages, ...questions.map(([text]) => text)], run)
  const index = createIndex(embeddings[0]?.length ?? 0)
  for (const vector of embeddings.slice(0, passages.length)) {
    expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
    index.add(vector)
  }
  const found = embeddings.slice(passages.length).map((vector) => index.nearest(vector, 1)[0]?.index)
  expect(found).toEqual(questions.map(([, passage]) => passage))
})
