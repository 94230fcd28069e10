import type { Dispatcher } from 'undici'

/**
 * The connections to all replicas: kept open between requests, as many as there are requests in flight.
 *
 * A call has its own deadline, and a silent replica is asked whether it lives, so the library's timeouts of an answer's
 * headers and body are off.
 */
const options = { headersTimeout: 0, bodyTimeout: 0 }

let created: Promise<Dispatcher> | undefined

/** Loads the library with the first request: a server without upstreams does without it. */
export function openDispatcher(): Promise<Dispatcher> {
  created ??= createDispatcher()
  return created
}

/** With Node's own switch for proxies, requests go through those that the environment names. */
async function createDispatcher(): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await import('undici')
  return process.env.NODE_USE_ENV_PROXY === '1' ? new EnvHttpProxyAgent(options) : new Agent(options)
}
