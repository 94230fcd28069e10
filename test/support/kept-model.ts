import '../../web/embed/window-global.ts'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Progress } from '../../web/api/index.ts'
import { bigManifest } from './big-model.ts'
import { type FileServer, sha256Of, startFileServer } from './file-server.ts'
import { runtimeReady } from './page.ts'
import './window-progress.ts'

/** The side of a matrix of 34 megabytes: slightly more than two chunks of the store. */
export const side = 2_900

/** Serves a model file with a square matrix of so many rows, and its manifest. */
export async function serve(id: string, file: Buffer, rows = side): Promise<FileServer> {
  const started = await startFileServer(file)
  const manifest = JSON.stringify(bigManifest(id, rows, file.length, sha256Of(file)))
  started.fault = (_entry, response, request) => {
    if (!request.url?.includes('manifest.json')) return false
    response.writeHead(200, { 'content-type': 'application/json' }).end(manifest)
    return true
  }
  return started
}

interface Loaded {
  readonly tier?: string
  readonly code?: string
  readonly loadedBytes?: number
  readonly storedBytes?: number
  readonly isKept?: boolean
}

/** Loads the model on the device and runs it. Resolves to the tier and the last progress report, or to the error's code. */
export async function load(page: Page, from: FileServer, inputs = side): Promise<Loaded> {
  await runtimeReady(page)
  return page.evaluate(
    async ({ address, rows }) => {
      const progress: Progress[] = []
      window.progress = progress
      window.spillway.policy = 'device'
      try {
        const model = await window.spillway.model(address, {
          onProgress: (now) => progress.push(now),
        })
        const { placement } = await model.run({ x: new Float32Array(rows) })
        return { tier: placement.tier, ...progress.at(-1) }
      } catch (cause) {
        return { code: cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause) }
      }
    },
    { address: new URL('manifest.json', from.url).href, rows: inputs },
  )
}

export const list = (page: Page) => page.evaluate(() => window.spillway.storage.list())

/** Matches the bytes of a model's progress with those of the runtime's download, which are less than five million. */
export const withRuntime = (bytes: number): unknown => expect.closeTo(bytes, -7)
