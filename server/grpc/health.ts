import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import type { Probes } from '../probes.ts'
import { HealthCheckResponse_ServingStatus, Health as service } from './generated/grpc/health/v1/health_pb.ts'
import { holds } from './holds.ts'

/** gRPC's own health check, as probes of Kubernetes make it. A probe of `liveness` is about the process alone. */
export const health =
  ({ checkLive, checkReady }: Probes, services: readonly string[]) =>
  (router: ConnectRouter): void => {
    const ready = ['', 'readiness', ...services]
    router.rpc(service.method.check, ({ service: name }) => {
      if (name === 'liveness') return { status: statusOf(holds(checkLive)) }
      if (ready.includes(name)) return { status: statusOf(holds(checkReady)) }
      throw new ConnectError(`There is no service ${name.slice(0, 200)}`, Code.NotFound)
    })
  }

const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus
const statusOf = (isServing: boolean) => (isServing ? SERVING : NOT_SERVING)
