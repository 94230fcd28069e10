import type * as Transformers from '@huggingface/transformers'

/** The tasks that take one pass of a model, and the class of transformers.js for each. */
export interface Pipelines {
  readonly 'feature-extraction': Transformers.FeatureExtractionPipeline
  readonly 'text-classification': Transformers.TextClassificationPipeline
  readonly 'token-classification': Transformers.TokenClassificationPipeline
  readonly 'zero-shot-classification': Transformers.ZeroShotClassificationPipeline
  readonly 'question-answering': Transformers.QuestionAnsweringPipeline
  readonly 'fill-mask': Transformers.FillMaskPipeline
  readonly 'image-classification': Transformers.ImageClassificationPipeline
  readonly 'image-segmentation': Transformers.ImageSegmentationPipeline
  readonly 'image-feature-extraction': Transformers.ImageFeatureExtractionPipeline
  readonly 'object-detection': Transformers.ObjectDetectionPipeline
  readonly 'depth-estimation': Transformers.DepthEstimationPipeline
  readonly 'background-removal': Transformers.BackgroundRemovalPipeline
  readonly 'image-to-image': Transformers.ImageToImagePipeline
  readonly 'audio-classification': Transformers.AudioClassificationPipeline
  readonly 'zero-shot-image-classification': Transformers.ZeroShotImageClassificationPipeline
  readonly 'zero-shot-audio-classification': Transformers.ZeroShotAudioClassificationPipeline
}

export type SinglePassTask = keyof Pipelines

/** Other names of tasks, as transformers.js has them. */
export const aliases = {
  embeddings: 'feature-extraction',
  'sentiment-analysis': 'text-classification',
  ner: 'token-classification',
} as const satisfies Readonly<Record<string, SinglePassTask>>

export type Task = SinglePassTask | keyof typeof aliases

export type PipelineOf<T extends Task> = T extends keyof typeof aliases
  ? Pipelines[(typeof aliases)[T]]
  : T extends SinglePassTask
    ? Pipelines[T]
    : never

interface TaskParts {
  /** The class's name among the exports of transformers.js. */
  readonly pipeline: Extract<keyof typeof Transformers, `${string}Pipeline`>
  /** What turns the task's input into tensors. */
  readonly needs: readonly ('tokenizer' | 'processor')[]
}

const text = ['tokenizer'] as const
const media = ['processor'] as const
const both = ['tokenizer', 'processor'] as const

export const taskParts: Readonly<Record<SinglePassTask, TaskParts>> = {
  'feature-extraction': { pipeline: 'FeatureExtractionPipeline', needs: text },
  'text-classification': { pipeline: 'TextClassificationPipeline', needs: text },
  'token-classification': { pipeline: 'TokenClassificationPipeline', needs: text },
  'zero-shot-classification': { pipeline: 'ZeroShotClassificationPipeline', needs: text },
  'question-answering': { pipeline: 'QuestionAnsweringPipeline', needs: text },
  'fill-mask': { pipeline: 'FillMaskPipeline', needs: text },
  'image-classification': { pipeline: 'ImageClassificationPipeline', needs: media },
  'image-segmentation': { pipeline: 'ImageSegmentationPipeline', needs: media },
  'image-feature-extraction': { pipeline: 'ImageFeatureExtractionPipeline', needs: media },
  'object-detection': { pipeline: 'ObjectDetectionPipeline', needs: media },
  'depth-estimation': { pipeline: 'DepthEstimationPipeline', needs: media },
  'background-removal': { pipeline: 'BackgroundRemovalPipeline', needs: media },
  'image-to-image': { pipeline: 'ImageToImagePipeline', needs: media },
  'audio-classification': { pipeline: 'AudioClassificationPipeline', needs: media },
  'zero-shot-image-classification': { pipeline: 'ZeroShotImageClassificationPipeline', needs: both },
  'zero-shot-audio-classification': { pipeline: 'ZeroShotAudioClassificationPipeline', needs: both },
}

const decoder =
  'runtime.model() and model.generate() write texts with a language model, without transformers.js.'
const encoderDecoder =
  'Models of an encoder and a decoder come later. Until then pipeline() of @huggingface/transformers runs them.'

/** The way for tasks of transformers.js that take several passes. */
export const severalPasses: Readonly<Record<string, string>> = {
  'text-generation': decoder,
  summarization: encoderDecoder,
  translation: encoderDecoder,
  'text2text-generation': encoderDecoder,
  'automatic-speech-recognition': encoderDecoder,
  'text-to-audio': encoderDecoder,
  'text-to-speech': encoderDecoder,
  'image-to-text': encoderDecoder,
  'document-question-answering': encoderDecoder,
}
