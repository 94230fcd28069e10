/** The product's server, wired as in server/main.ts, on a free port. */
import { pino } from 'pino'
import { systemClock } from '../../../models/async/clock.ts'
import { createApp } from '../../../server/app.ts'
import { readCatalogue } from '../../../server/inference/catalogue.ts'
import { createInference } from '../../../server/inference/inference.ts'
import { createTextService } from '../../../server/inference/text-service.ts'
import { createMetrics } from '../../../server/observability/metrics.ts'
import { createTestOffload } from '../../support/offload.ts'
import { processLane } from '../../support/process-lane.ts'
import { listen } from './listen.ts'

const catalogue = await readCatalogue(process.argv.slice(2))
const inference = createInference({
  backends: ['cpu'],
  cores: 2,
  memoryBudget: 2 ** 32,
  queue: { requests: 1_000 },
  startLane: () => processLane(systemClock),
  clock: systemClock,
})
// Other benches use the language models, some of them on other backends.
for (const entry of catalogue.values()) if (!entry.manifest.generation) await inference.prepare(entry)
const offload = createTestOffload()
const app = createApp({
  catalogue,
  inference,
  offload,
  textService: createTextService(inference, systemClock, offload),
  metrics: createMetrics(systemClock, catalogue, inference),
  clock: systemClock,
  site: '.',
  version: 'bench',
  maxBodyBytes: 2 ** 25,
  log: pino({ level: 'silent' }),
})
listen(app)
