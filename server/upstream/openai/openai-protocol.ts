import { SpillwayError } from '../../../models/core/index.ts'
import type { Protocol, UpstreamModel } from '../upstream.ts'
import { createProbe } from './probe.ts'

/** An engine of the OpenAI API. It takes no tensors: its requests are passed on below `/v1`. */
export const openAiProtocol = ({ entry: { manifest }, headers }: UpstreamModel): Protocol => ({
  probe: createProbe(headers),
  run: () =>
    Promise.reject(
      new SpillwayError('not_supported', `${manifest.id} takes no tensors`, {
        hint: 'Its engine has the OpenAI API: send the request to /v1.',
      }),
    ),
  queueMs: () => 0,
})
