import type { Clock } from '../../models/async/clock.ts'
import { infer } from '../../web/remote/oip-infer.ts'
import { RemoteTier } from '../../web/remote/remote-tier.ts'
import { noHeaders, type RequestHeaders } from '../../web/remote/request-headers.ts'
import { Extensions } from '../../web/remote/server-extensions.ts'

/** A server tier over HTTP, as a page wires it. */
export const openRemoteTier = (
  server: URL,
  clock: Clock,
  maxQueued?: number,
  headers: RequestHeaders = noHeaders,
): RemoteTier =>
  new RemoteTier(
    server,
    clock,
    { infer, extensions: new Extensions(server, clock, headers) },
    maxQueued,
    headers,
  )
