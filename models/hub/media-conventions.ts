/** Inputs and outputs of models of pictures and sounds, as the hub's converters name them. */
import type { Task } from '../core/manifest.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import type { Configs, ModelConfig, PreprocessorConfig } from './config.ts'
import { type Convention, labelCount } from './convention-types.ts'

/** Before the rules of texts: some have the names of texts' architectures. */
export const mediaConventions: readonly (readonly [RegExp, (configs: Configs) => Convention])[] = [
  [/ForImageClassification$/, imageClassification],
  [/ForObjectDetection$/, objectDetection],
  [/ForSemanticSegmentation$/, ({ model }) => perPixel(model, output('logits', [labelCount(model), -1, -1]))],
  [/ForDepthEstimation$/, ({ model }) => perPixel(model, output('predicted_depth', [-1, -1]))],
  [
    /ForImageSuperResolution$/,
    ({ model }) => perPixel(model, output('reconstruction', [model.num_channels ?? 3, -1, -1])),
  ],
  [/^AST\w*ForAudioClassification$/, ({ model }) => sounds(model, [-1, -1])],
  [
    /^(?:Wav2Vec2|Hubert|WavLM|UniSpeech|SEW)\w*ForSequenceClassification$/,
    ({ model }) => sounds(model, [-1]),
  ],
  [
    /^(?:CLIP|ChineseCLIP)Model$/,
    () => compared([output('pixel_values', [-1, -1, -1])], 'logits_per_image', true),
  ],
  [/^Siglip2?Model$/, () => compared([output('pixel_values', [-1, -1, -1])], 'logits_per_image', false)],
  [/^ClapModel$/, () => compared([output('input_features', [-1, -1, -1])], 'logits_per_audio', true)],
  [
    /^(?:ViT|Dinov2\w*|Dinov3\w*|Deit|BeiT|IJepa|Hiera|Swinv2|Swin)Model$/i,
    ({ model }) => imageFeatures(model),
  ],
]

const output = (name: string, size: readonly number[]): TensorSpec => ({
  name,
  type: 'float32',
  shape: [-1, ...size],
})

const pictures = (model: ModelConfig, height = -1, width = height): TensorSpec =>
  output('pixel_values', [model.num_channels ?? 3, height, width])

const convention = (task: Task, inputs: TensorSpec[], outputs: TensorSpec[]): Convention => ({
  task,
  signature: { inputs, outputs, batchAxis: 0 },
})

const perPixel = (model: ModelConfig, spec: TensorSpec) => convention('tensor', [pictures(model)], [spec])

const imageFeatures = (model: ModelConfig) =>
  convention('tensor', [pictures(model)], [output('last_hidden_state', [-1, model.hidden_size ?? -1])])

const sounds = (model: ModelConfig, size: readonly number[]) =>
  convention('tensor', [output('input_values', size)], [output('logits', [labelCount(model)])])

/** Pictures or sounds against texts: the numbers of both differ, so the runs of two requests cannot be one. */
const compared = (media: TensorSpec[], logits: string, hasMask: boolean): Convention => {
  const ids = (name: string): TensorSpec => ({ name, type: 'int64', shape: [-1, -1] })
  return {
    task: 'tensor',
    signature: {
      inputs: [ids('input_ids'), ...media, ...(hasMask ? [ids('attention_mask')] : [])],
      outputs: [output(logits, [-1])],
      batchAxis: null,
    },
  }
}

/** Families whose graphs take the part of each picture that is no padding. */
const hasPixelMask = /^(?:detr|conditional_detr|deformable_detr|table-transformer)$/

function objectDetection({ model }: Configs): Convention {
  const mask: TensorSpec = { name: 'pixel_mask', type: 'int64', shape: [-1, -1, -1] }
  return convention(
    'tensor',
    [pictures(model), ...(hasPixelMask.test(model.model_type ?? '') ? [mask] : [])],
    [output('logits', [-1, -1]), output('pred_boxes', [-1, 4])],
  )
}

function imageClassification({ model, preprocessor }: Configs): Convention {
  const [height, width] = imageSize(model, preprocessor)
  const { image_mean: mean, image_std: std } = preprocessor
  const scaled = mean && std ? `, minus ${mean.join(', ')}, divided by ${std.join(', ')}` : ''
  const description = `Red, green and blue planes from 0 to 1${scaled}.`
  return convention(
    'image-classification',
    [{ ...pictures(model, height, width), description }],
    [output('logits', [labelCount(model)])],
  )
}

function imageSize(model: ModelConfig, preprocessor: PreprocessorConfig): readonly [number, number] {
  const { size, crop_size: crop, do_center_crop: crops } = preprocessor
  for (const given of crops === false ? [size] : [crop, size]) {
    if (typeof given === 'number') return [given, given]
    const height = given?.height ?? given?.shortest_edge
    const width = given?.width ?? given?.shortest_edge
    if (height && width) return [height, width]
  }
  const [height = -1, width = height] = [model.image_size ?? []].flat()
  return [height, width]
}
