import { systemClock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import type { PlacementOptions } from '../../web/placement/placement-resolver.ts'
import { noHeaders } from '../../web/remote/request-headers.ts'
import type { PlacedPiece } from '../../web/text/generate.ts'
import { TextService } from '../../web/text/text-service.ts'
import type { TextRequest } from '../../workers/host/text/types.ts'
import { noCalibrations } from './no-calibrations.ts'
import { openRemoteTier } from './remote-tier.ts'
import { createHarness } from './router-harness.ts'

/** A page's own code for texts over real sockets, on a device that runs no model. */
export function createServerPage(server: URL) {
  const remote = openRemoteTier(server, systemClock)
  const clock = { ...systemClock, waiting: 0, advance: () => {} }
  const { router } = createHarness(undefined, { clock, remote })
  const never = () => Promise.reject(new Error('The device has no files'))
  const texts = new TextService({
    router,
    device: {
      textFiles: never,
      generator: () => {
        throw new Error('The device generates nothing')
      },
    },
    calibrations: noCalibrations,
    server,
    headers: noHeaders,
    clock: systemClock,
    closing: new AbortController().signal,
  })
  return {
    /** Generates a text, and calls back for each piece. */
    generate: async (manifest: Manifest, request: TextRequest, onPiece: (piece: PlacedPiece) => void) => {
      const stream = texts.generate(manifest, request, { policy: 'auto' })
      for await (const piece of stream) onPiece(piece)
      return stream.result
    },
    embed: (manifest: Manifest, input: readonly string[], options: Partial<PlacementOptions> = {}) =>
      texts.embed(manifest, input, { policy: 'auto', ...options }),
    close: () => remote.close(),
  }
}
