import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { type Probes, serverDraining } from '../probes.ts'
import { HealthCheckResponse_ServingStatus, Health as service } from './generated/grpc/health/v1/health_pb.ts'
import { holds } from './holds.ts'
import { toConnectError } from './status.ts'

export interface HealthOptions {
  readonly probes: Probes
  /** The names of services that are ready when the server is. */
  readonly services: readonly string[]
  readonly clock: Clock
  /** Aborted when the server begins to drain. */
  readonly draining: AbortSignal
}

/** Milliseconds between two looks at the probes, for all calls of `Watch` together. */
const watchMs = 1_000

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus

interface Probed {
  readonly live: boolean
  readonly ready: boolean
}

/** gRPC's own health check, as probes of Kubernetes make it. A probe of `liveness` is about the process alone. */
export const health =
  ({ probes: { checkLive, checkReady }, services, clock, draining }: HealthOptions) =>
  (router: ConnectRouter): void => {
    const ready = ['', 'readiness', ...services]
    const look = (): Probed => ({ live: holds(checkLive), ready: holds(checkReady) })
    /** What the probes say the next time. */
    let next: Promise<Probed> | undefined
    const lookLater = () => {
      next ??= new Promise((resolve) => {
        const now = () => {
          next = undefined
          draining.removeEventListener('abort', drained)
          resolve(look())
        }
        const cancel = clock.after(watchMs, now)
        const drained = () => {
          cancel()
          now()
        }
        draining.addEventListener('abort', drained)
      })
      return next
    }
    const statusOf = (name: string, probed: Probed) => {
      const isServing = name === 'liveness' ? probed.live : ready.includes(name) ? probed.ready : undefined
      return isServing === undefined ? SERVICE_UNKNOWN : isServing ? SERVING : NOT_SERVING
    }
    router.rpc(service.method.check, ({ service: name }) => {
      const status = statusOf(name, look())
      if (status !== SERVICE_UNKNOWN) return { status }
      throw new ConnectError(`There is no service ${name.slice(0, 200)}`, Code.NotFound)
    })
    router.rpc(service.method.watch, async function* ({ service: name }, { signal }) {
      let probed: Probed | undefined = look()
      let last: HealthCheckResponse_ServingStatus | undefined
      while (probed) {
        const status = statusOf(name, probed)
        if (status !== last) yield { status }
        last = status
        // The stream would keep a server that drains from its end.
        if (draining.aborted) throw toConnectError(serverDraining())
        // Nothing, where the client has left.
        probed = await withAbort(signal, lookLater()).catch(() => undefined)
      }
    })
  }
