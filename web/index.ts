export type { HubOptions } from '../models/hub/index.ts'
export {
  type ErrorCode,
  type ErrorDetail,
  type Input,
  type Inputs,
  type Manifest,
  type Placement,
  type Policy,
  type Reference,
  type RunResult,
  type SiteCatalogue,
  SpillwayError,
  type Tensor,
  type TensorData,
  type TensorType,
  type Timings,
} from '../models/index.ts'
export type { EmbedResult } from '../workers/embedding/embedder.ts'
export type {
  ChatMessage,
  FinishReason,
  GeneratedToken,
  Prompt,
  Sampling,
  TextRequest,
  Usage,
} from '../workers/generation/types.ts'
export type { Priority } from '../workers/scheduler/work.ts'
export type { Capacity, GpuCapacity } from './capacity/capacity.ts'
export type { GenerationStream, PlacedPiece, PlacedResult } from './generation/generate.ts'
export type { Model, ModelOptions, ModelSession, RunOptions } from './model.ts'
export { createRuntime, type Runtime, type RuntimeEvents, type RuntimeOptions } from './runtime.ts'
export type { RuntimeStats, StatsEvent } from './stats.ts'
export type { Progress } from './store/obtain.ts'
export type { ModelStorage, StorageUsage, StoredModel } from './store/storage.ts'
