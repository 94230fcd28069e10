import type { Variables } from './request-log.ts'

/** What checks, the log and traces read and set of a request: Hono's context, or a call over gRPC. */
export interface CallContext {
  readonly req: {
    readonly method: string
    header(name: string): string | undefined
  }
  /** With `incoming.socket`, where the request has a connection. */
  readonly env: unknown
  get<K extends keyof Variables>(key: K): Variables[K]
  set<K extends keyof Variables>(key: K, value: Variables[K]): void
  /** Sets a header of the answer. */
  header(name: string, value: string): void
}
