import type { AppOptions } from '../app.ts'
import { createAddressOf, createCallerOf } from '../http/caller.ts'
import { createProbes } from '../probes.ts'
import { requestLimits } from '../request-limits.ts'
import { createCalls } from './calls.ts'
import { checkInferMessage } from './check-message.ts'
import { inferMethod, metadataMethods } from './inference-service.ts'

/** Bytes of a message that only names something. */
const shortMessage = 65_536

/** The server's methods over gRPC: the Open Inference Protocol. They take the same models, keys and limits as the app. */
export function createGrpcApp(options: AppOptions & { readonly uploadMs: number }) {
  const { isDraining = () => false, access, callerAddressHeader = '' } = options
  const service = {
    ...options,
    requestLimits: options.requestLimits ?? requestLimits,
    probes: createProbes({ ...options, isDraining }),
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
      add: metadataMethods(service),
      maxBytes: shortMessage,
      check: () => {},
      open: ['/inference.GRPCInferenceService/ServerLive', '/inference.GRPCInferenceService/ServerReady'],
    },
    { add: inferMethod(service), maxBytes: options.maxBodyBytes, check: checkInferMessage, open: [] },
  ])
}
