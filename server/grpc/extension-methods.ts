import { fromJson, fromJsonString } from '@bufbuild/protobuf'
import type { ConnectRouter } from '@connectrpc/connect'
import type { Clock } from '../../models/async/clock.ts'
import { configurationOf } from '../../models/protocols/oip-model-config.ts'
import { defaultMaxRows } from '../../workers/host/scheduler/batch-limits.ts'
import { allVersions, type Catalogue, findModel } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import type { ModelRepository } from '../inference/model-repository.ts'
import { statisticsOf } from '../routes/oip/statistics.ts'
import { ModelConfigSchema } from './generated/model_config_pb.ts'
import { GRPCInferenceService, ModelStatisticsResponseSchema } from './generated/open_inference_grpc_pb.ts'

export interface ExtensionOptions {
  readonly catalogue: Catalogue
  readonly inference: Pick<Inference, 'runCounts' | 'stats'>
  /** Lists the models; there is no such method where it is absent. */
  readonly repository?: Pick<ModelRepository, 'index'>
  readonly clock: Clock
}

const { method: methods } = GRPCInferenceService

/** Triton's extensions that only tell something. Their JSON, which HTTP answers, has the names of their messages. */
export const extensionMethods =
  ({ catalogue, inference, repository, clock }: ExtensionOptions) =>
  (router: ConnectRouter): void => {
    const versionsOf = (name: string, version: string) => {
      if (name === '') return allVersions(catalogue)
      const entry = findModel(catalogue, name, version || undefined)
      return version === '' ? (catalogue.versions.get(entry.manifest.id) ?? []) : [entry]
    }
    router.rpc(methods.modelConfig, ({ name, version }) => {
      const { manifest } = findModel(catalogue, name, version || undefined)
      const configuration = JSON.stringify(configurationOf(manifest, defaultMaxRows))
      return { config: fromJsonString(ModelConfigSchema, configuration) }
    })
    router.rpc(methods.modelStatistics, ({ name, version }) => {
      const startedAt = Date.now() - clock.now()
      const toEpoch = (moment: number) => Math.round(startedAt + moment)
      const entries = versionsOf(name, version)
      return fromJson(ModelStatisticsResponseSchema, {
        model_stats: entries.map((entry) => statisticsOf(inference, entry, toEpoch)),
      })
    })
    if (repository) router.rpc(methods.repositoryIndex, ({ ready }) => ({ models: repository.index(ready) }))
  }
