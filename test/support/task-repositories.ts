import { DataType } from '../../models/tools/onnx/data-type.ts'
import { value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'
import { ints } from './attention.ts'
import type { TestRepository } from './hub.ts'
import {
  ofObjects,
  ofPictures,
  ofPixels,
  ofSounds,
  perPicture,
  pixels,
  preprocessor,
} from './media-repositories.ts'
import { labels, language, repository } from './task-repository.ts'

const ids = (name: string, batch = 'batch_size') => value(name, [batch, 'sequence_length'], DataType.INT64)

/** Numbers for each token, that its mask lets through. */
const perToken = (width: number, output: string, seed: number) => ({
  nodes: [
    { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['word'] },
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: DataType.FLOAT } },
    { op: 'Unsqueeze', inputs: ['mask', 'last'], outputs: ['column'] },
    { op: 'Mul', inputs: ['word', 'column'], outputs: [output] },
  ],
  tensors: [randomTensor('table', [language.vocabulary, width], 1, seed), ints('last', [-1])],
})

/** Their sum over the tokens. */
function perText(width: number, output: string, seed: number) {
  const { nodes, tensors } = perToken(width, 'each', seed)
  const sum = { op: 'ReduceSum', inputs: ['each', 'one'], outputs: [output], attributes: { keepdims: 0 } }
  return { nodes: [...nodes, sum], tensors: [...tensors, ints('one', [1])] }
}

const textInputs = [ids('input_ids'), ids('attention_mask')]
const bert = (names: readonly string[], architecture: string) => ({
  model_type: 'bert',
  architectures: [`BertFor${architecture}`],
  // No graph here takes the kinds of sentences.
  type_vocab_size: 0,
  ...labels(names),
})

const ofTexts = (names: readonly string[], seed: number): TestRepository =>
  repository({
    graph: {
      ...perText(names.length, 'logits', seed),
      inputs: textInputs,
      outputs: [value('logits', ['batch_size', names.length])],
    },
    config: bert(names, 'SequenceClassification'),
    isText: true,
  })

const ofTokens = (names: readonly string[], architecture: string, seed: number): TestRepository =>
  repository({
    graph: {
      ...perToken(names.length, 'logits', seed),
      inputs: textInputs,
      outputs: [value('logits', ['batch_size', 'sequence_length', names.length])],
    },
    config: { ...bert(names, architecture), vocab_size: language.vocabulary },
    isText: true,
  })

function ofAnswers(seed: number): TestRepository {
  const { nodes, tensors } = perToken(2, 'both', seed)
  const column = (at: string, output: string) => ({
    op: 'Gather',
    inputs: ['both', at],
    outputs: [output],
    attributes: { axis: 2 },
  })
  const flat = (input: string, output: string) => ({
    op: 'Squeeze',
    inputs: [input, 'last'],
    outputs: [output],
  })
  const logits = (name: string) => value(name, ['batch_size', 'sequence_length'])
  return repository({
    graph: {
      nodes: [
        ...nodes,
        column('first', 'starts'),
        column('second', 'ends'),
        flat('starts', 'start_logits'),
        flat('ends', 'end_logits'),
      ],
      tensors: [...tensors, ints('first', [0]), ints('second', [1])],
      inputs: textInputs,
      outputs: [logits('start_logits'), logits('end_logits')],
    },
    config: bert(['a', 'b'], 'QuestionAnswering'),
    isText: true,
  })
}

function ofPicturesAndTexts(seed: number): TestRepository {
  const text = perText(8, 'text', seed)
  const picture = perPicture(8, 'picture', seed + 1)
  return repository({
    graph: {
      nodes: [
        ...text.nodes,
        ...picture.nodes,
        { op: 'Transpose', inputs: ['text'], outputs: ['across'] },
        { op: 'MatMul', inputs: ['picture', 'across'], outputs: ['logits_per_image'] },
      ],
      tensors: [...text.tensors, ...picture.tensors],
      inputs: [
        ids('input_ids', 'text_batch_size'),
        value('pixel_values', ['image_batch_size', 3, pixels, pixels]),
        ids('attention_mask', 'text_batch_size'),
      ],
      outputs: [value('logits_per_image', ['image_batch_size', 'text_batch_size'])],
    },
    config: { model_type: 'clip', architectures: ['CLIPModel'] },
    preprocessor: preprocessor('CLIPImageProcessor'),
    isText: true,
  })
}

const mels = 64

function ofSoundsAndTexts(seed: number): TestRepository {
  const text = perText(8, 'text', seed)
  return repository({
    graph: {
      nodes: [
        ...text.nodes,
        {
          op: 'ReduceMean',
          inputs: ['input_features'],
          outputs: ['mean'],
          attributes: { axes: [1, 2], keepdims: 0 },
        },
        { op: 'MatMul', inputs: ['mean', 'bands'], outputs: ['sound'] },
        { op: 'Transpose', inputs: ['text'], outputs: ['across'] },
        { op: 'MatMul', inputs: ['sound', 'across'], outputs: ['logits_per_audio'] },
      ],
      tensors: [...text.tensors, randomTensor('bands', [mels, 8], 1e-3, seed + 1)],
      inputs: [
        ids('input_ids', 'text_batch_size'),
        value('input_features', ['audio_batch_size', 1, 'frames', mels]),
        ids('attention_mask', 'text_batch_size'),
      ],
      outputs: [value('logits_per_audio', ['audio_batch_size', 'text_batch_size'])],
    },
    config: { model_type: 'clap', architectures: ['ClapModel'] },
    preprocessor: {
      feature_extractor_type: 'ClapFeatureExtractor',
      sampling_rate: 16_000,
      feature_size: mels,
      fft_window_size: 512,
      nb_frequency_bins: 257,
      hop_length: 160,
      nb_max_samples: 9_600,
      frequency_min: 50,
      frequency_max: 7_000,
      truncation: 'rand_trunc',
      padding: 'repeatpad',
    },
    isText: true,
  })
}

/** Of two files that answer differently: what a dtype chooses from. */
function ofTwoDtypes(): TestRepository {
  const names = ['good', 'bad']
  const [full, quantized] = [ofTexts(names, 23), ofTexts(names, 24)]
  const { 'onnx/model.onnx': graph = '' } = quantized.files
  return { ...full, files: { ...full.files, 'onnx/model_quantized.onnx': graph } }
}

/** A model for each task that takes one pass, by its repository. */
export const taskRepositories = (): Record<string, TestRepository> => ({
  'task/text-classification': ofTexts(['good', 'bad', 'neither'], 10),
  'task/zero-shot-classification': ofTexts(['contradiction', 'neutral', 'entailment'], 11),
  'task/token-classification': ofTokens(['O', 'B-PER', 'I-PER'], 'TokenClassification', 12),
  'task/fill-mask': ofTokens(
    Array.from({ length: language.vocabulary }, (_, id) => `${id}`),
    'MaskedLM',
    13,
  ),
  'task/question-answering': ofAnswers(14),
  'task/image-classification': ofPictures(['cat', 'dog', 'fox'], 15),
  'task/image-feature-extraction': ofPixels(
    'vit',
    'ViTModel',
    'ViTImageProcessor',
    'last_hidden_state',
    2,
    16,
  ),
  'task/image-segmentation': ofPixels(
    'segformer',
    'SegformerForSemanticSegmentation',
    'SegformerImageProcessor',
    'logits',
    3,
    17,
    ['sky', 'sea', 'land'],
  ),
  'task/depth-estimation': ofPixels(
    'dpt',
    'DPTForDepthEstimation',
    'DPTImageProcessor',
    'predicted_depth',
    0,
    18,
  ),
  'task/image-to-image': ofPixels(
    'swin2sr',
    'Swin2SRForImageSuperResolution',
    'Swin2SRImageProcessor',
    'reconstruction',
    3,
    19,
  ),
  'task/object-detection': ofObjects(['cat', 'dog'], 20),
  'task/audio-classification': ofSounds(['music', 'speech'], 21),
  'task/zero-shot-image-classification': ofPicturesAndTexts(22),
  'task/zero-shot-audio-classification': ofSoundsAndTexts(25),
  'task/two-dtypes': ofTwoDtypes(),
})
