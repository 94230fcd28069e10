import { expect, test } from 'vitest'
import { runtimeFiles } from '../../workers/host/lane-client/browser/runtime-files.ts'
import { captureModule } from '../../workers/lane/browser/capture-module.ts'
import { loadOrt } from '../../workers/lane/browser/load-ort.ts'
import { heapOf } from '../../workers/lane/browser/runtime-bindings.ts'

const name = new TextEncoder().encode('ORT_GQA_DISABLE_FLASH_ATTENTION')

test('a lane sets the variable, which this version of the runtime looks for', async () => {
  const files = runtimeFiles()
  await loadOrt({ threads: 1 }, files)
  // The lane's: a module of one address is loaded once.
  const module = (await captureModule(files.captureModule, files.module, 1))?.module()
  if (!module) throw new Error('The module of this version of onnxruntime-web cannot be captured')
  const heap = heapOf(module)
  const [first = 0] = name
  const after: string[] = []
  for (let at = heap.indexOf(first); at >= 0; at = heap.indexOf(first, at + 1)) {
    if (!name.every((byte, index) => heap[at + index] === byte)) continue
    const end = at + name.length
    after.push(String.fromCharCode(...heap.slice(end, end + 3)))
  }
  // The name that the runtime looks for, and the variable.
  expect(after.map((text) => text.split('\0')[0]).sort()).toEqual(['', '=1'])
})
