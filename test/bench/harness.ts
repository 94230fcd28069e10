import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { pino } from 'pino'
import type { BrowserContext, Page } from 'playwright-core'
import { build } from 'vite'
import { systemClock } from '../../models/async/clock.ts'
import { createApp } from '../../server/app.ts'
import { readCatalogue } from '../../server/inference/catalogue.ts'
import { createInference } from '../../server/inference/inference.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import { createMetrics } from '../../server/observability/metrics.ts'
import { compileHints } from '../../web/build/compile-hints.ts'
import { hashedFiles } from '../../web/build/hashed-files.ts'
import { createTestOffload } from '../support/offload.ts'
import { launchWholeBrowser, openPage } from '../support/page.ts'
import { processLane } from '../support/process-lane.ts'
import { testModels, withoutTestModels } from '../support/test-models.ts'
import { transformersRuntime } from '../support/transformers-runtime.ts'
import type { Harness } from './bench-definition.ts'
import { benchModels } from './models.ts'

const root = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Builds the bench page as the product is built, serves it together with the models, and starts a browser.
 * @param more Folders of models beside those of all benches.
 */
export async function startHarness(
  launch = launchWholeBrowser,
  more: readonly string[] = [],
): Promise<Pick<Harness, 'openPage' | 'models'> & { close(): Promise<void> }> {
  if (withoutTestModels !== undefined || testModels === undefined) throw new Error(withoutTestModels)
  const site = root('../../node_modules/.cache/bench')
  await build({
    root: root('./page'),
    configFile: false,
    base: './',
    logLevel: 'error',
    resolve: {
      alias: { 'transformers-runtime': transformersRuntime },
      conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'],
    },
    worker: { format: 'es', plugins: () => [hashedFiles()] },
    plugins: [hashedFiles(), compileHints()],
    build: { outDir: site, emptyOutDir: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 10_000 },
  })
  const catalogue = await readCatalogue([
    root('../../models/catalogue'),
    ...(await benchModels(testModels)),
    ...more,
  ])
  const inference = createInference({
    backends: ['cpu'],
    // The page uses the other core.
    cores: 1,
    memoryBudget: 2 ** 32,
    queue: { requests: 1_000 },
    startLane: () => processLane(systemClock),
    clock: systemClock,
  })
  const log = pino({ level: 'silent' })
  const offload = createTestOffload()
  const app = createApp({
    catalogue,
    inference,
    offload,
    textService: createTextService(inference, systemClock, offload),
    metrics: createMetrics(systemClock, catalogue, inference),
    clock: systemClock,
    site,
    version: 'bench',
    maxBodyBytes: 2 ** 25,
    log,
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const browser = await launch()
  return {
    models: testModels,
    openPage: async (context?: BrowserContext): Promise<Page> => {
      const { page } = await openPage(
        context ?? (await browser.newContext()),
        new URL(`http://localhost:${port}/`),
      )
      await page.waitForFunction(() => 'bench' in window)
      return page
    },
    close: async () => {
      await browser.close()
      server.close()
      inference.close()
    },
  }
}
