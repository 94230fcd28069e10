import { setMaxListeners } from 'node:events'
import { repositoryExtension } from '../../models/protocols/oip-repository.ts'
import type { AppOptions } from '../app.ts'
import { createCheckAdmin } from '../auth/only-admin.ts'
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
import { repositoryMethods } from './repository-methods.ts'

/** Bytes of a message that only names something. */
const shortMessage = 65_536

/** The server's methods over gRPC: the Open Inference Protocol, health and reflection. They take the same models, keys and limits as the app. */
export function createGrpcApp(options: AppOptions & { readonly uploadMs: number }) {
  const { isDraining = () => false, access, callerAddressHeader = '', clock } = options
  // Where the repository is administrated on a port of its own, nobody does so here.
  const repository = options.hasAdminPort ? undefined : options.repository
  const draining = new AbortController()
  // One listener for each stream is no leak: Node would warn of it on stderr.
  setMaxListeners(0, draining.signal)
  const probes = createProbes({ ...options, isDraining })
  const service = {
    ...options,
    requestLimits: options.requestLimits ?? requestLimits,
    probes,
    extensions: repository ? [repositoryExtension] : [],
    admit: options.limit,
    fail: createFailCall(options.log),
    logCall: createLogCall(options),
  }
  const calls = {
    ...options,
    access,
    checkAdmin: createCheckAdmin(access),
    draining,
    admit: options.limit,
    callerOf: (access ? createAddressOf : createCallerOf)(callerAddressHeader),
    tracing: options.tracing,
  }
  return createCalls(calls, [
    {
      add: (router) => {
        metadataMethods(service)(router)
        extensionMethods(options)(router)
        health({ probes, services: [GRPCInferenceService.typeName], clock, draining: draining.signal })(
          router,
        )
        reflection([GRPCInferenceService, Health])(router)
      },
      maxBytes: shortMessage,
      check: () => {},
      open: [
        '/inference.GRPCInferenceService/ServerLive',
        '/inference.GRPCInferenceService/ServerReady',
        '/grpc.health.v1.Health/Check',
        '/grpc.health.v1.Health/Watch',
      ],
    },
    { add: inferMethods(service), maxBytes: options.maxBodyBytes, check: checkInferMessage },
    ...(repository
      ? [{ add: repositoryMethods(repository), maxBytes: shortMessage, check: () => {}, isForAdmins: true }]
      : []),
  ])
}
