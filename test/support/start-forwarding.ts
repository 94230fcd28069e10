import { expect, onTestFinished } from 'vitest'
import {
  type ForwardingServer,
  type ForwardingServerOptions,
  startForwardingServer,
} from './forwarding-server.ts'
import {
  defaultPieces,
  type OpenAiUpstream,
  type OpenAiUpstreamOptions,
  startOpenAiUpstream,
} from './openai-upstream.ts'

/** A chat for `tiny`. */
export const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Tell me' }] }
/** What an engine writes, unless a test says otherwise. */
export const text = defaultPieces.join('')

/** Engines on loopback, and a server in front of them; both end with the test. */
export async function startForwarding(
  engine: OpenAiUpstreamOptions = {},
  options: Partial<ForwardingServerOptions> & { readonly replicas?: number } = {},
): Promise<{ server: ForwardingServer; engine: OpenAiUpstream; engines: OpenAiUpstream[] }> {
  const { replicas = 1, ...rest } = options
  const engines = await Promise.all(Array.from({ length: replicas }, () => startOpenAiUpstream(engine)))
  const server = await startForwardingServer({ urls: engines.map(({ url }) => `${url}/v1`), ...rest })
  onTestFinished(async () => {
    await server.close()
    for (const one of engines) await one.stop()
  })
  return { server, engine: engines[0] ?? expect.fail(), engines }
}

const dataOf = (stream: string) =>
  stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length))
/** The events of a stream, but for `[DONE]`. */
export const eventsOf = (stream: string) =>
  dataOf(stream)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data))
/** The text that a stream's events have. */
export const textOf = (stream: string) =>
  eventsOf(stream)
    .map(({ choices }) => choices?.[0]?.delta?.content ?? choices?.[0]?.text ?? '')
    .join('')
