import { expect, test } from 'vitest'
import { runtimeFiles } from '../../workers/host/lane-client/browser/runtime-files.ts'
import { captureModule } from '../../workers/lane/browser/capture-module.ts'
import { identity } from '../../workers/lane/browser/identity-model.ts'
import { requestScripts } from '../../workers/lane/browser/load-ort.ts'
import { heapOf } from '../../workers/lane/browser/runtime-bindings.ts'
import { computeAttentionWhole } from '../../workers/lane/browser/whole-attention.ts'

test('the setting is where this version of the runtime reads it', async () => {
  const files = runtimeFiles()
  const { env, InferenceSession } = await requestScripts(files)
  const captured = await captureModule(files.captureModule, files.module, 1)
  if (!captured) throw new Error('The module of this version of onnxruntime-web cannot be captured')
  env.wasm.wasmPaths = { mjs: captured.address, wasm: files.wasm.url }
  env.wasm.numThreads = 1
  const session = await InferenceSession.create(identity, { executionProviders: ['wasm'] })
  const module = captured.module()
  if (!module) throw new Error('The module of this version of onnxruntime-web has other functions')
  expect(computeAttentionWhole(module)).toBe(true)
  const heap = heapOf(module)
  const name = new TextEncoder().encode('ORT_GQA_DISABLE_FLASH_ATTENTION')
  const places: number[] = []
  for (let at = heap.indexOf(name[0] ?? 0); at >= 0; at = heap.indexOf(name[0] ?? 0, at + 1))
    if (name.every((byte, index) => heap[at + index] === byte)) places.push(heap[at + name.length] ?? 0)
  // The name that the runtime looks for, and the variable.
  expect(places.sort()).toEqual([0, '='.charCodeAt(0)])
  await session.release()
})
