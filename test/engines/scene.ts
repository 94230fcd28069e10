import '../../web/embed/window-global.ts'
import { expect, inject } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { digitsManifest } from '../support/test-models.ts'
import type { EngineDriver, EngineWindow, WindowKind } from './drivers/engine-driver.ts'
import { startGuestSite } from './guest-site.ts'

/** The size of the model `digits`. */
export const digitsBytes = digitsManifest.variants[0]?.files[0]?.size ?? 0

/** What the cases of one engine share. */
export interface Scene {
  /** Between the pages and the server. The runtime comes from here. */
  readonly proxy: FaultProxy
  /** Where pages of another origin are. */
  readonly guests: URL
  /** The usual window, at first on a page that embeds the runtime. It stays open from case to case. */
  readonly page: EngineWindow
  /** Opens a further window until the scene ends. */
  open(kind: WindowKind): Promise<EngineWindow>
  close(): Promise<void>
}

export async function openScene(driver: EngineDriver): Promise<Scene> {
  const proxy = await startFaultProxy(new URL(inject('serverUrl')))
  const guests = await startGuestSite(proxy.url)
  const windows: EngineWindow[] = []
  const open = async (kind: WindowKind) => {
    const window = await driver.open(kind)
    windows.push(window)
    return window
  }
  const close = async () => {
    await Promise.all(windows.map((window) => window.close()))
    guests.close()
    await proxy.stop()
  }
  try {
    const page = await open('usual')
    await visit(page, guests.url)
    return { proxy, guests: guests.url, page, open, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

/** Opens a page that embeds the runtime, and waits for it. */
export async function visit(window: EngineWindow, url: URL): Promise<void> {
  await window.goto(url)
  await runtimeReady(window)
}

export async function visitAgain(window: EngineWindow): Promise<void> {
  await window.reload()
  await runtimeReady(window)
}

/** The driver's limit of time ends a wait that is in vain. */
const runtimeReady = (window: EngineWindow) =>
  window.evaluate(async () => {
    while (!('spillway' in globalThis)) await new Promise((resolve) => setTimeout(resolve, 50))
  })

/** How many files the page's store has, ONNX Runtime's WebAssembly among them. A model has been loaded before. */
export const filesKept = (window: EngineWindow) =>
  window.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await settled(indexedDB.open('spillway'))
    const keys = await settled(database.transaction('models').objectStore('models').getAllKeys())
    database.close()
    return keys.filter((key) => String(key).startsWith('file:')).length
  })

/** Where a picture of a one ran, what was read, and the last report of the model's progress. */
export const runDigits = (window: EngineWindow) =>
  window.evaluate(async () => {
    const reports: import('../../web/api/index.ts').Progress[] = []
    spillway.policy = 'device'
    const model = await spillway.model('digits', { onProgress: (report) => reports.push(report) })
    const image = new Float32Array(784)
    for (let y = 4; y < 24; y++) image.fill(1, y * 28 + 12, y * 28 + 15)
    const { outputs, placement } = await model.run({ image })
    const logits = Array.from(outputs.logits?.data ?? [], Number)
    const { loadedBytes = 0, totalBytes = 0, storedBytes = 0, isKept } = reports.at(-1) ?? {}
    return {
      digit: logits.indexOf(Math.max(...logits)),
      tier: placement.tier,
      progress: { loadedBytes, totalBytes, storedBytes, isKept },
      loaded: reports.map((report) => report.loadedBytes),
    }
  })

/** Expects that nothing on a guest page was thrown past it or forbidden by its policy. */
export const noFaults = async (window: EngineWindow) =>
  expect(await window.evaluate(() => globalThis.faults)).toEqual([])
