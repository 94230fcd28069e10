import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../../models/async/clock.ts'
import { openDigest } from '../../web/store/download/sha256-digest.ts'
import { loadRuntime } from '../../web/store/runtime/load-runtime.ts'
import type { RuntimeFile } from '../../web/store/runtime/runtime-file.ts'
import { SideDownload } from '../../web/store/runtime/side-download.ts'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import type { ModelStore } from '../../web/store/storage/model-store.ts'
import { type FileServer, sha256Of, startFileServer } from '../support/file-server.ts'

/** A module of WebAssembly without contents. */
const wasm = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])

let server: FileServer
afterEach(() => server.stop())

async function loadWith(broken: Partial<ModelStore>) {
  server = await startFileServer(wasm)
  const { url } = server
  const sha256 = sha256Of(wasm)
  const runtime: RuntimeFile = {
    record: { id: 'runtime', version: sha256, variant: 'test' },
    file: {
      path: 'runtime',
      size: wasm.length,
      key: { sha256 },
      isSentCompressed: true,
      request: () => ({ url }),
    },
    url,
    sha256,
  }
  const store = { ...createMemoryStore(), ...broken }
  const inUse = { add: () => {}, list: async () => new Set<string>() }
  const download = new SideDownload<WebAssembly.Module>((download) =>
    loadRuntime(runtime, { store, openDigest, inUse, clock }, download),
  )
  return { module: await download.result, download }
}

test('Bytes that were verified are compiled, though the store cannot write them', async () => {
  const { module } = await loadWith({ append: () => Promise.reject(new Error('The disk is broken')) })
  expect(module).toBeInstanceOf(WebAssembly.Module)
  expect(server.served).toHaveLength(1)
})

test('The runtime is fetched past a store that breaks before', async () => {
  const { module, download } = await loadWith({ file: () => Promise.reject(new Error('The disk is broken')) })
  expect(module).toBeInstanceOf(WebAssembly.Module)
  expect(download.loadedBytes).toBe(download.totalBytes)
})
