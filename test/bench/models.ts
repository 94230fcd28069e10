import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modelFolder } from '../support/test-models.ts'
import { encoderFolder } from './encoder.ts'
import { languageModel, randomCheckpoint, sizes260k } from './language-models.ts'

/** Folders with manifests for the models that benches run: published models, and models of random weights. */
export const benchModels = (models: string): Promise<string[]> =>
  Promise.all([
    encoderFolder(),
    languageModel('stories260k', join(models, 'stories260k', 'stories260K.bin')),
    languageModel('stories260k-draft', join(models, 'stories260k', 'stories260K.bin'), { layers: 3 }),
    languageModel('stories260k-top', join(models, 'stories260k', 'stories260K.bin'), { topK: 16 }),
    randomCheckpoint(join(tmpdir(), 'spillway-bench-15m.bin')).then((path) =>
      languageModel('random15m', path),
    ),
    randomCheckpoint(join(tmpdir(), 'spillway-bench-15m.bin')).then((path) =>
      languageModel('random15m-q4', path, { to: 'q4-wasm' }),
    ),
    randomCheckpoint(join(tmpdir(), 'spillway-bench-15m-long.bin'), { context: 2_304 }).then((path) =>
      languageModel('random15m-long', path),
    ),
    randomCheckpoint(join(tmpdir(), 'spillway-bench-15m-repeating.bin'), { attends: false }).then((path) =>
      languageModel('random15m-repeating', path),
    ),
    draftedModels(),
    randomCheckpoint(join(tmpdir(), 'spillway-bench-260k-repeating.bin'), {
      attends: false,
      sizes: sizes260k,
    }).then((path) => languageModel('random260k-repeating', path)),
    modelFolder(join(models, 'fraud', 'model.onnx'), {
      id: 'fraud',
      title: 'Card fraud',
      task: 'tensor',
      inputs: [{ name: 'dense_input', type: 'float32', shape: [-1, 5] }],
      outputs: [{ name: 'dense_3', type: 'float32', shape: [-1, 1] }],
      batchAxis: 0,
      tolerance: 1e-5,
    }),
    magikaFolder(models),
    mlpFolder(models),
  ]).then((folders) => folders.flat())

/**
 * A model whose layers after the first add nothing, and one of its first alone: they write the same. Its vocabulary is
 * small, so that the layers are most of it, as in larger models.
 */
async function draftedModels(): Promise<string[]> {
  const path = await randomCheckpoint(join(tmpdir(), 'spillway-bench-13m-drafted.bin'), {
    counting: 1,
    sizes: { dim: 288, hidden: 768, layers: 12, heads: 6, vocabulary: 4_096 },
  })
  return Promise.all([
    languageModel('random13m-drafted', path),
    languageModel('random13m-draft', path, { layers: 1 }),
  ])
}

export const magikaFolder = (models: string): Promise<string> =>
  modelFolder(join(models, 'magika', 'model.onnx'), {
    id: 'magika',
    title: 'File types',
    task: 'tensor',
    inputs: [{ name: 'bytes', type: 'int32', shape: [-1, 2048] }],
    outputs: [{ name: 'target_label', type: 'float32', shape: [-1, 214] }],
    batchAxis: 0,
    tolerance: 1e-4,
  })

export const mlpFolder = (models: string): Promise<string> =>
  modelFolder(join(models, 'mnist', 'mnist_original.onnx'), {
    id: 'mnist-mlp',
    title: 'MNIST MLP',
    task: 'tensor',
    inputs: [{ name: 'input1', type: 'float32', shape: [-1, 784] }],
    outputs: [{ name: 'probability', type: 'float32', shape: [-1, 10] }],
    batchAxis: 0,
    tolerance: 1e-4,
  })
