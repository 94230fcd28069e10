import type { IncomingHttpHeaders } from 'node:http'
import type { CallContext } from './call-context.ts'
import type { Variables } from './request-log.ts'

/** A request without a `Context` of Hono: its headers as Node read them. */
export class HeaderCall implements CallContext {
  readonly req: CallContext['req']
  readonly env: unknown
  /** Headers of the answer that were set so far. */
  readonly headersSet: Record<string, string> = {}
  protected variables: Variables = {}

  constructor(method: string, headers: IncomingHttpHeaders, env: unknown) {
    this.req = {
      method,
      header: (name) => {
        const value = headers[name]
        return Array.isArray(value) ? value.join(', ') : value
      },
    }
    this.env = env
  }

  get<K extends keyof Variables>(key: K): Variables[K] {
    return this.variables[key]
  }

  set<K extends keyof Variables>(key: K, value: Variables[K]): void {
    this.variables[key] = value
  }

  header(name: string, value: string): void {
    this.headersSet[name] = value
  }
}
