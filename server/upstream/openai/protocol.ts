import { SpillwayError } from '../../../models/core/index.ts'
import { discard, exchange } from '../exchange.ts'
import type { Probe } from '../replica.ts'
import type { Protocol, UpstreamModel } from '../upstream.ts'

/**
 * Asks an engine whether it is ready: vLLM and llama.cpp answer `/health` beside `/v1`. Where there is no such route, as at
 * hosted APIs, any answer of the API itself says that it is there.
 *
 * @param headers With its key.
 */
const createProbe =
  (headers: Readonly<Record<string, string>>): Probe =>
  async (url, signal) => {
    const ask = async (path: string) => {
      const response = await exchange(new URL(path, url), { headers, signal })
      await discard(response, signal)
      return response.status
    }
    const health = await ask('../health')
    if (health < 300) return
    const isWithoutHealth = health < 500
    const status = isWithoutHealth ? await ask('models') : health
    if (status < 500) return
    throw new SpillwayError('server_unreachable', `${url.host} is not ready`, {
      expected: 'status 200 of its health',
      got: `${status}`,
    })
  }

/** Such an engine takes texts, as they are: `Forwarding` passes them on. */
export const openAiProtocol = ({ headers }: UpstreamModel): Protocol => ({
  probe: createProbe(headers),
  queueMs: () => 0,
})
