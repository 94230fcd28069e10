import { DataType } from '../../models/tools/onnx/data-type.ts'
import { encode, modelProto, type Parts, value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'
import { ints } from './attention.ts'
import type { TestRepository } from './hub.ts'
import { makeLanguage } from './word-pieces.ts'

const language = makeLanguage(200)
const pixels = 32
const json = (content: unknown) => JSON.stringify(content)

const labels = (names: readonly string[]) => ({
  id2label: Object.fromEntries(names.map((name, id) => [id, name])),
  label2id: Object.fromEntries(names.map((name, id) => [name, id])),
})

interface RepositoryParts {
  readonly graph: Parts
  readonly config: object
  readonly preprocessor?: object
  readonly isText?: boolean
}

/** A repository in the hub's layout, with a graph of a few nodes and random weights. */
const repository = ({ graph, config, preprocessor, isText = false }: RepositoryParts): TestRepository => ({
  license: 'mit',
  files: {
    'config.json': json(config),
    ...(preprocessor && { 'preprocessor_config.json': json(preprocessor) }),
    ...(isText && {
      'tokenizer.json': json(language.tokenizer),
      'tokenizer_config.json': json({
        tokenizer_class: 'BertTokenizer',
        model_max_length: 64,
        pad_token: '[PAD]',
        unk_token: '[UNK]',
        cls_token: '[CLS]',
        sep_token: '[SEP]',
        mask_token: '[MASK]',
      }),
    }),
    'onnx/model.onnx': encode(modelProto(graph)),
  },
})

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

const pictures = value('pixel_values', ['batch_size', 3, pixels, pixels])

/** How a picture becomes a tensor. */
const preprocessor = (type: string) => ({
  image_processor_type: type,
  do_resize: true,
  size: { height: pixels, width: pixels },
  resample: 2,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
})

/** The colours of four quarters of a picture, times a matrix. */
const perPicture = (width: number, output: string, seed: number) => ({
  nodes: [
    {
      op: 'AveragePool',
      inputs: ['pixel_values'],
      outputs: ['pooled'],
      attributes: { kernel_shape: [pixels / 2, pixels / 2], strides: [pixels / 2, pixels / 2] },
    },
    { op: 'Reshape', inputs: ['pooled', 'flat'], outputs: ['row'] },
    { op: 'MatMul', inputs: ['row', 'matrix'], outputs: [output] },
  ],
  tensors: [ints('flat', [-1, 12]), randomTensor('matrix', [12, width], 1, seed)],
})

function ofPictures(names: readonly string[], seed: number): TestRepository {
  return repository({
    graph: {
      ...perPicture(names.length, 'logits', seed),
      inputs: [pictures],
      outputs: [value('logits', ['batch_size', names.length])],
    },
    config: { model_type: 'vit', architectures: ['ViTForImageClassification'], ...labels(names) },
    preprocessor: preprocessor('ViTImageProcessor'),
  })
}

function ofPixels(
  model_type: string,
  architecture: string,
  type: string,
  output: string,
  channels: number,
  seed: number,
  names: readonly string[] = [],
): TestRepository {
  const isFlat = channels === 0
  const size = [pixels, pixels]
  const nodes = [
    { op: 'Conv', inputs: ['pixel_values', 'kernel'], outputs: [isFlat ? 'image' : output] },
    ...(isFlat ? [{ op: 'Squeeze', inputs: ['image', 'one'], outputs: [output] }] : []),
  ]
  return repository({
    graph: {
      nodes,
      tensors: [randomTensor('kernel', [channels || 1, 3, 1, 1], 1, seed), ints('one', [1])],
      inputs: [pictures],
      outputs: [value(output, isFlat ? ['batch_size', ...size] : ['batch_size', channels, ...size])],
    },
    config: { model_type, architectures: [architecture], ...labels(names) },
    preprocessor: preprocessor(type),
  })
}

function ofObjects(names: readonly string[], seed: number): TestRepository {
  const boxes = 5
  const classes = names.length + 1
  const scores = perPicture(boxes * classes, 'scores', seed)
  return repository({
    graph: {
      nodes: [
        ...scores.nodes,
        { op: 'Reshape', inputs: ['scores', 'classes'], outputs: ['logits'] },
        { op: 'MatMul', inputs: ['row', 'corners'], outputs: ['placed'] },
        { op: 'Sigmoid', inputs: ['placed'], outputs: ['shares'] },
        { op: 'Reshape', inputs: ['shares', 'four'], outputs: ['pred_boxes'] },
      ],
      tensors: [
        ...scores.tensors,
        ints('classes', [-1, boxes, classes]),
        ints('four', [-1, boxes, 4]),
        randomTensor('corners', [12, boxes * 4], 1, seed + 1),
      ],
      inputs: [pictures],
      outputs: [
        value('logits', ['batch_size', boxes, classes]),
        value('pred_boxes', ['batch_size', boxes, 4]),
      ],
    },
    config: { model_type: 'yolos', architectures: ['YolosForObjectDetection'], ...labels(names) },
    preprocessor: preprocessor('YolosImageProcessor'),
  })
}

function ofSounds(names: readonly string[], seed: number): TestRepository {
  return repository({
    graph: {
      nodes: [
        { op: 'Abs', inputs: ['input_values'], outputs: ['loud'] },
        { op: 'ReduceMean', inputs: ['loud'], outputs: ['mean'], attributes: { axes: [1], keepdims: 1 } },
        { op: 'MatMul', inputs: ['mean', 'matrix'], outputs: ['logits'] },
      ],
      tensors: [randomTensor('matrix', [1, names.length], 1, seed)],
      inputs: [value('input_values', ['batch_size', 'sequence_length'])],
      outputs: [value('logits', ['batch_size', names.length])],
    },
    config: {
      model_type: 'wav2vec2',
      architectures: ['Wav2Vec2ForSequenceClassification'],
      ...labels(names),
    },
    preprocessor: {
      feature_extractor_type: 'Wav2Vec2FeatureExtractor',
      sampling_rate: 16_000,
      do_normalize: false,
      return_attention_mask: false,
      feature_size: 1,
      padding_value: 0,
    },
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
})
