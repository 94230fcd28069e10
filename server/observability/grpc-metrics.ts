import { Counter, Histogram, type Registry } from 'prom-client'

/** Calls over gRPC, under the names of the libraries of go-grpc-middleware. */
export interface GrpcMetrics {
  /** @param method The name of a method that exists: paths have no bound. */
  handled(service: string, method: string, status: string, ms: number): void
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export function grpcMetrics(registry: Registry): GrpcMetrics {
  const labelNames = ['grpc_service', 'grpc_method'] as const
  const handled = new Counter({
    name: 'grpc_server_handled_total',
    help: 'Calls that have ended, by their status.',
    labelNames: [...labelNames, 'grpc_code'],
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'From the call to the end of its answer.',
    labelNames,
    buckets,
    registers: [registry],
  })
  return {
    handled: (service, method, status, ms) => {
      handled.labels(service, method, status).inc()
      durations.labels(service, method).observe(ms / 1000)
    },
  }
}
