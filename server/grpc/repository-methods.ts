import type { ConnectRouter } from '@connectrpc/connect'
import { SpillwayError } from '../../models/core/index.ts'
import type { ModelRepository } from '../inference/model-repository.ts'
import { loadParameters, refuseUnknown, unloadParameters } from '../routes/oip/repository-parameters.ts'
import {
  GRPCInferenceService,
  type RepositoryModelLoadRequest,
  type RepositoryModelUnloadRequest,
} from './generated/open_inference_grpc_pb.ts'

const { method: methods } = GRPCInferenceService

/** Triton's methods that load and unload models. Their callers are administrators. */
export const repositoryMethods =
  (repository: ModelRepository) =>
  (router: ConnectRouter): void => {
    router.rpc(methods.repositoryModelLoad, async (request) => {
      await repository.load(nameOf(request, loadParameters))
      return {}
    })
    router.rpc(methods.repositoryModelUnload, (request) => {
      repository.unload(nameOf(request, unloadParameters))
      return {}
    })
  }

function nameOf(
  { repositoryName, modelName, parameters }: RepositoryModelLoadRequest | RepositoryModelUnloadRequest,
  known: readonly string[],
): string {
  if (repositoryName !== '')
    throw new SpillwayError('not_supported', 'The folders of models have no names', {
      expected: 'no repository_name',
      got: JSON.stringify(repositoryName),
      param: 'repository_name',
    })
  const named = Object.entries(parameters).map(([name, { parameterChoice }]) => [name, parameterChoice.value])
  refuseUnknown(Object.fromEntries(named), known)
  return modelName
}
