import { value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'
import { ints } from './attention.ts'
import type { TestRepository } from './hub.ts'
import { labels, repository } from './task-repository.ts'

export const pixels = 32

const pictures = value('pixel_values', ['batch_size', 3, pixels, pixels])

/** How a picture becomes a tensor. */
export const preprocessor = (type: string) => ({
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
export const perPicture = (width: number, output: string, seed: number) => ({
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

export function ofPictures(names: readonly string[], seed: number): TestRepository {
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

export function ofPixels(
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

export function ofObjects(names: readonly string[], seed: number): TestRepository {
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

export function ofSounds(names: readonly string[], seed: number): TestRepository {
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
