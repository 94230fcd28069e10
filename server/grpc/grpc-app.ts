import type { AppOptions } from '../app.ts'
import { createAddressOf, createCallerOf } from '../http/caller.ts'
import { createProbes } from '../probes.ts'
import { requestLimits } from '../request-limits.ts'
import { createCalls } from './calls.ts'
import { checkInferMessage } from './check-message.ts'
import { extensionMethods } from './extension-methods.ts'
import { createFailCall } from './fail-call.ts'
import { Health } from './generated/grpc/health/v1/health_pb.ts'
import { GRPCInferenceService } from './generated/open_inference_grpc_pb.ts'
import { health } from './health.ts'
import { inferMethods, metadataMethods } from './inference-service.ts'
import { createLogCall } from './observe-call.ts'
import { reflection } from './reflection.ts'

/** Bytes of a message that only names something. */
const shortMessage = 65_536

/** The server's methods over gRPC: the Open Inference Protocol, health and reflection. They take the same models, keys and limits as the app. */
export function createGrpcApp(options: AppOptions & { readonly uploadMs: number }) {
  const { isDraining = () => false, access, callerAddressHeader = '' } = options
  const probes = createProbes({ ...options, isDraining })
  const service = {
    ...options,
    requestLimits: options.requestLimits ?? requestLimits,
    probes,
    admit: options.limit,
    fail: createFailCall(options.log),
    logCall: createLogCall(options),
  }
  const calls = {
    ...options,
    access,
    admit: options.limit,
    callerOf: (access ? createAddressOf : createCallerOf)(callerAddressHeader),
    tracing: options.tracing,
  }
  return createCalls(calls, [
    {
      add: (router) => {
        metadataMethods(service)(router)
        extensionMethods(options)(router)
        health(probes, [GRPCInferenceService.typeName])(router)
        reflection([GRPCInferenceService, Health])(router)
      },
      maxBytes: shortMessage,
      check: () => {},
      open: [
        '/inference.GRPCInferenceService/ServerLive',
        '/inference.GRPCInferenceService/ServerReady',
        '/grpc.health.v1.Health/Check',
      ],
    },
    { add: inferMethods(service), maxBytes: options.maxBodyBytes, check: checkInferMessage, open: [] },
  ])
}
