import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Clock, systemClock } from '../../models/async/clock.ts'
import { createApp } from '../../server/app.ts'
import type { CatalogueEntry } from '../../server/inference/catalogue.ts'
import { openCatalogue } from '../../server/inference/open-catalogue.ts'
import { prepareModels } from '../../server/inference/prepare-models.ts'
import { createReread } from '../../server/inference/reread-models.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import { createMetrics } from '../../server/observability/metrics.ts'
import type { UpstreamConfig } from '../../server/upstream/config.ts'
import { routeInference } from '../../server/upstream/routed-inference.ts'
import { Upstreams } from '../../server/upstream/upstreams.ts'
import { createCpuInference } from './cpu-inference.ts'
import { createTestOffload } from './offload.ts'
import { digitsManifest, emptyFolder } from './test-models.ts'

/** Writes the folder of a model that only an upstream runs. */
export async function writeUpstream(
  folder: string,
  id: string,
  upstream: Partial<UpstreamConfig>,
): Promise<void> {
  await mkdir(join(folder, id), { recursive: true })
  await writeFile(join(folder, id, 'manifest.json'), JSON.stringify({ ...digitsManifest, id, variants: [] }))
  await writeFile(join(folder, id, 'upstream.json'), JSON.stringify({ protocol: 'oip', ...upstream }))
}

/**
 * The server's app with one model, `there`, which an upstream runs as `digits`. It has no lanes.
 *
 * @param clock Of the upstream and of the app.
 */
export async function startFront(upstream: Partial<UpstreamConfig>, clock: Clock = systemClock) {
  const folder = await emptyFolder()
  await writeUpstream(folder, 'there', { model: 'digits', ...upstream })
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  const catalogue = await openCatalogue([folder], log)
  const upstreams = new Upstreams(clock, log)
  const lanes = createCpuInference()
  const inference = routeInference(lanes, upstreams)
  const offload = createTestOffload()
  const textService = createTextService(inference, clock, offload)
  const metrics = createMetrics(clock, catalogue, inference, { upstreams })
  const options = { catalogue, inference, textService, log }
  await prepareModels(options)
  const app = createApp({
    catalogue,
    inference,
    offload,
    textService,
    metrics,
    clock,
    site: '.',
    version: 'test',
    maxBodyBytes: 1_000_000,
    log,
  })
  const entry = (): CatalogueEntry => {
    const found = catalogue.get('there')
    if (!found) throw new Error('The model is gone')
    return found
  }
  return {
    folder,
    inference,
    fetch: app.fetch,
    /** Its log so far. */
    lines,
    entry,
    replicas: () => upstreams.of(entry())?.replicas.all ?? [],
    metrics: () => metrics.registry.metrics(),
    reread: createReread({ folders: [folder], ...options }),
    request: async (path: string, init?: RequestInit): Promise<Response> => app.request(path, init),
    /** An infer request for rows of one value each. */
    infer: async (
      values: readonly number[],
      init: RequestInit = {},
      parameters: object = {},
    ): Promise<Response> =>
      app.request('/v2/models/there/infer', { method: 'POST', body: rowsOf(values, parameters), ...init }),
    close: () => {
      inference.close()
      offload.close()
    },
  }
}

export type Front = Awaited<ReturnType<typeof startFront>>

/** The JSON of an infer request for `digits`, whose rows have one value each. */
export const rowsOf = (values: readonly number[], parameters: object = {}): string =>
  JSON.stringify({
    parameters,
    inputs: [
      {
        name: 'image',
        datatype: 'FP32',
        shape: [values.length, 1, 28, 28],
        data: values.flatMap((value) => new Array(784).fill(value)),
      },
    ],
  })
