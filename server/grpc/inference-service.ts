import type { DescMethodBiDiStreaming, DescMethodUnary } from '@bufbuild/protobuf'
import type { ConnectRouter, ContextValues } from '@connectrpc/connect'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import { modelMetadata } from '../../models/protocols/oip.ts'
import { type Catalogue, findModel } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import type { Probes } from '../probes.ts'
import { serverMetadata } from '../routes/oip/metadata-routes.ts'
import { callKey, type GrpcCall } from './call.ts'
import {
  EncodedInferRequestSchema,
  EncodedInferResponseSchema,
  EncodedStreamResponseSchema,
} from './generated/encoded_infer_pb.ts'
import { GRPCInferenceService } from './generated/open_inference_grpc_pb.ts'
import { holds } from './holds.ts'
import { infer } from './infer.ts'
import { type StreamInferOptions, streamInfer } from './stream-infer.ts'

export interface MetadataOptions {
  readonly catalogue: Catalogue
  readonly inference: Pick<Inference, 'state'>
  readonly probes: Probes
  readonly version: string
  /** The server's extensions besides those that every server has. */
  readonly extensions: readonly string[]
}

const { method: methods } = GRPCInferenceService

/** The same methods over the same bytes, whose tensors stay encoded. */
const modelInfer: DescMethodUnary<typeof EncodedInferRequestSchema, typeof EncodedInferResponseSchema> = {
  ...methods.modelInfer,
  input: EncodedInferRequestSchema,
  output: EncodedInferResponseSchema,
}

const modelStreamInfer: DescMethodBiDiStreaming<
  typeof EncodedInferRequestSchema,
  typeof EncodedStreamResponseSchema
> = {
  ...methods.modelStreamInfer,
  input: EncodedInferRequestSchema,
  output: EncodedStreamResponseSchema,
}

/** The Open Inference Protocol's methods that ask what there is. */
export const metadataMethods =
  ({ catalogue, inference, probes, version, extensions }: MetadataOptions) =>
  (router: ConnectRouter): void => {
    const entryOf = ({ name, version }: { readonly name: string; readonly version: string }) =>
      findModel(catalogue, name, version || undefined)
    router.rpc(methods.serverLive, () => ({ live: holds(probes.checkLive) }))
    router.rpc(methods.serverReady, () => ({ ready: holds(probes.checkReady) }))
    router.rpc(methods.modelReady, (model) => ({ ready: inference.state(entryOf(model)) === 'ready' }))
    router.rpc(methods.serverMetadata, () => serverMetadata(version, extensions))
    router.rpc(methods.modelMetadata, (model) => {
      const { manifest } = entryOf(model)
      const versions = catalogue.versions.get(manifest.id)?.map((entry) => entry.manifest.version)
      return metadataOf(manifest, versions)
    })
  }

/** `ModelInfer` and `ModelStreamInfer`. Their messages are large, and are checked before they are decoded. */
export const inferMethods = (options: StreamInferOptions) => (router: ConnectRouter) => {
  router.rpc(modelInfer, (message, { signal, values }) => infer(options, callOf(values), message, signal))
  router.rpc(modelStreamInfer, (messages, { signal, values }) =>
    streamInfer(options, callOf(values), messages, signal),
  )
}

const callOf = (values: ContextValues): GrpcCall => {
  const call = values.get(callKey)
  if (call) return call
  throw new SpillwayError('internal', 'A call has no state')
}

const metadataOf = (manifest: Manifest, versions: readonly string[] | undefined) => {
  const { inputs, outputs, ...metadata } = modelMetadata(manifest, versions)
  const wide = ({ shape, ...tensor }: (typeof inputs)[number]) => ({ ...tensor, shape: shape.map(BigInt) })
  return {
    ...metadata,
    versions: [...metadata.versions],
    inputs: inputs.map(wide),
    outputs: outputs.map(wide),
  }
}
