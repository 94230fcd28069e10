/** The public API of the package: start with `createRuntime`. */

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
} from '../../models/core/index.ts'
export type { Sampling } from '../../models/core/sampling.ts'
export type { HubOptions } from '../../models/hub/index.ts'
export type { Priority } from '../../workers/host/scheduler/priority.ts'
export type { EmbedResult } from '../../workers/host/text/embedding/embedder.ts'
export type { ChatMessage, Prompt, TextRequest, Usage } from '../../workers/host/text/types.ts'
export type { FinishReason, GeneratedToken } from '../../workers/protocol/generation.ts'
export type { Capacity, GpuCapacity } from '../device/capacity.ts'
export type { ModelStorage, StorageUsage, StoredModel } from '../store/storage/model-storage.ts'
export type { Progress } from '../store/worker/load-files.ts'
export type { GenerationStream, PlacedPiece, PlacedResult } from '../text/generate.ts'
export type { Model, ModelOptions, ModelSession, RunOptions } from './model.ts'
export { createRuntime, type Runtime, type RuntimeEvents, type RuntimeOptions } from './runtime.ts'
export type { RuntimeStats, StatsEvent } from './stats.ts'
