/** The public API of the package: start with `createRuntime`. */

export {
  type Backend,
  type BatchingSpec,
  type DenseSpec,
  type EmbeddingSpec,
  type ErrorCode,
  type ErrorDetail,
  type FileSpec,
  type Float16ArrayLike,
  type GenerationSpec,
  type Input,
  type InputData,
  type Inputs,
  type Manifest,
  type NumericData,
  type Placement,
  type PlacementReason,
  type Policy,
  type Reference,
  type RunResult,
  type SiteCatalogue,
  SpillwayError,
  type StateSpec,
  type Tensor,
  type TensorData,
  type TensorSpec,
  type TensorType,
  type Tier,
  type Timings,
  type Variant,
  type WireError,
} from '../../models/core/index.ts'
export type { Sampling } from '../../models/core/sampling.ts'
export type { JsonSchema, TextFormat } from '../../models/core/text-format.ts'
export type { HubOptions } from '../../models/hub/index.ts'
export type { LaneState } from '../../workers/host/pool/lane-holder.ts'
export type { LaneStats, PoolStats } from '../../workers/host/pool/pool.ts'
export type { Priority } from '../../workers/host/scheduler/priority.ts'
export type { ModelStats, SchedulerStats } from '../../workers/host/scheduler/stats.ts'
export type {
  ChatMessage,
  GenerateTimings,
  Prompt,
  TemplateArguments,
  TextRequest,
  ToolCall,
  ToolChoice,
  ToolDefinition,
  Usage,
  WrittenCall,
} from '../../workers/host/text/types.ts'
export type { FinishReason, GeneratedToken, TokenLogprob } from '../../workers/protocol/generation.ts'
export type { Capacity, GpuCapacity } from '../device/capacity.ts'
export type { LoadState, StateChangeEvent } from '../device/load-states.ts'
export type { OpenAiResponseFormat, OpenAiResponseTextFormat } from '../openai/format-types.ts'
export type {
  OpenAiResponse,
  OpenAiResponseEvent,
  OpenAiResponseItem,
  OpenAiResponseMessage,
  OpenAiResponseRequest,
  OpenAiResponseText,
  OpenAiResponseUsage,
} from '../openai/response-types.ts'
export type { OpenAiTool, OpenAiToolCall, OpenAiToolCallDelta } from '../openai/tool-types.ts'
export type {
  CreateTexts,
  OpenAiAnswer,
  OpenAiChatChunk,
  OpenAiChatCompletion,
  OpenAiChatLogprobs,
  OpenAiChatRequest,
  OpenAiClient,
  OpenAiCompletion,
  OpenAiCompletionChunk,
  OpenAiCompletionLogprobs,
  OpenAiCompletionRequest,
  OpenAiEmbeddingRequest,
  OpenAiEmbeddings,
  OpenAiMessage,
  OpenAiOptions,
  OpenAiStream,
  OpenAiTexts,
  OpenAiTokenLogprob,
  OpenAiUsage,
} from '../openai/types.ts'
export type { DeviceBackend, PageBackend } from '../placement/candidate.ts'
export type { ModelStorage, StorageUsage, StoredModel } from '../store/storage/model-storage.ts'
export type { Progress } from '../store/worker/load-files.ts'
export type { EmbedResult } from '../text/embed-result.ts'
export type { GenerationStream, PlacedPiece, PlacedResult } from '../text/generate.ts'
export type { GenerateRequest, Tool, ToolArguments, ToolContext } from '../text/tools.ts'
export type { Advice, DeviceAdvice } from './advise.ts'
export {
  createRuntime,
  type ModelInUse,
  type Runtime,
  type RuntimeEvents,
  type RuntimeOptions,
} from './create-runtime.ts'
export type { Model, ModelEvents, ModelSession } from './model.ts'
export type { EmbedOptions, LoadOptions, ModelOptions, RequestOptions, RunOptions } from './model-options.ts'
export type { RuntimeStats, StatsEvent } from './stats.ts'
