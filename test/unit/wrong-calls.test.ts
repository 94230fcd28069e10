import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../models/core/index.ts'
import {
  createRuntime,
  type GenerationStream,
  type Model,
  type Runtime,
  type RuntimeOptions,
} from '../../web/api/index.ts'
import { digitsManifest } from '../support/test-models.ts'

/** Calls a method as pages in plain JavaScript can: with anything. */
const call = (target: object, method: string, ...values: unknown[]) =>
  Reflect.get(target, method).apply(target, values)

/** The text of a call of `generate`. */
const text = (...values: unknown[]): GenerationStream => call(model, 'generate', ...values)

const counting = {
  ...digitsManifest,
  id: 'counting',
  inputs: ['x', 'sum'].map((name) => ({ name, type: 'float32', shape: [-1] })),
  outputs: ['y', 'next'].map((name) => ({ name, type: 'float32', shape: [-1] })),
  state: [{ input: 'sum', output: 'next' }],
}

let files: Server
let runtime: Runtime
let model: Model

beforeAll(async () => {
  files = createServer(({ url }, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(url?.includes('counting') ? counting : digitsManifest))
  })
  files.listen(0, '127.0.0.1')
  await once(files, 'listening')
  const server = `http://127.0.0.1:${(files.address() as AddressInfo).port}/`
  runtime = await createRuntime({ server, policy: 'server' })
  model = await runtime.model('digits')
})
afterAll(() => {
  runtime.close()
  files.close()
})

const create = (options: unknown) => createRuntime(options as RuntimeOptions)
const image = new Float32Array(784)
const read = async (stream: AsyncIterable<unknown>) => {
  for await (const _ of stream);
}

describe('a call with a wrong value is refused with a code that says what was expected and what came', () => {
  test.each<[string, ErrorCode, () => Promise<unknown>]>([
    ['createRuntime(null)', 'input_value_invalid', () => create(null)],
    ['createRuntime(5)', 'input_value_invalid', () => create(5)],
    ['{ server: 5 }', 'input_value_invalid', () => create({ server: 5 })],
    ['{ models: {} }', 'input_value_invalid', () => create({ models: {} })],
    ['{ timeouts: null }', 'input_value_invalid', () => create({ timeouts: null })],
    ['{ hub: "token" }', 'input_value_invalid', () => create({ hub: 'token' })],
    ['runtime.model()', 'input_value_invalid', () => call(runtime, 'model')],
    ['runtime.model(5)', 'input_value_invalid', () => call(runtime, 'model', 5)],
    ['runtime.model("")', 'input_value_invalid', () => call(runtime, 'model', '')],
    ['runtime.model(URL)', 'input_value_invalid', () => call(runtime, 'model', new URL('http://a/'))],
    ['options of a model: null', 'input_value_invalid', () => call(runtime, 'model', 'digits', null)],
    [
      '{ signal: {} } of a model',
      'input_value_invalid',
      () => call(runtime, 'model', 'digits', { signal: {} }),
    ],
    ['{ onProgress: 5 }', 'input_value_invalid', () => call(runtime, 'model', 'digits', { onProgress: 5 })],
    ['catalogue({})', 'input_value_invalid', () => call(runtime, 'catalogue', {})],
    ['load(5)', 'input_value_invalid', () => call(model, 'load', 5)],
    ['run()', 'input_type_invalid', () => call(model, 'run')],
    ['run(null)', 'input_type_invalid', () => call(model, 'run', null)],
    ['run(array)', 'input_type_invalid', () => call(model, 'run', image)],
    ['run("text")', 'input_type_invalid', () => call(model, 'run', 'text')],
    ['options of a run: null', 'input_value_invalid', () => call(model, 'run', { image }, null)],
    ['options of a run: 5', 'input_value_invalid', () => call(model, 'run', { image }, 5)],
    ['{ signal: {} }', 'input_value_invalid', () => call(model, 'run', { image }, { signal: {} })],
    [
      '{ priority: "urgent" }',
      'input_value_invalid',
      () => call(model, 'run', { image }, { priority: 'urgent' }),
    ],
    ['{ deadlineMs: "5" }', 'input_value_invalid', () => call(model, 'run', { image }, { deadlineMs: '5' })],
    [
      '{ outputs: "logits" }',
      'input_value_invalid',
      () => call(model, 'run', { image }, { outputs: 'logits' }),
    ],
    ['generate()', 'input_value_invalid', () => text().result],
    ['generate(null)', 'input_value_invalid', () => read(text(null))],
    ['generate("Once")', 'input_value_invalid', () => text('Once').result],
    ['options of a text', 'input_value_invalid', () => text({ prompt: 'a' }, 5).result],
    ['a loop over it', 'input_value_invalid', () => read(text({ prompt: 'a' }, { signal: 5 }))],
    ['embed()', 'input_value_invalid', () => call(model, 'embed')],
    ['embed(5)', 'input_value_invalid', () => call(model, 'embed', 5)],
    ['embed([null])', 'input_value_invalid', () => call(model, 'embed', ['a', null])],
  ])('%s', async (_, code, wrongCall) => {
    await expect(wrongCall()).rejects.toMatchObject({
      code,
      detail: { expected: expect.any(String), got: expect.any(String) },
    })
  })

  test('in a session, too', async () => {
    const session = (await runtime.model('counting')).createSession()
    await expect(call(session, 'run')).rejects.toMatchObject({ code: 'input_type_invalid' })
    await expect(call(session, 'run', { x: image }, 5)).rejects.toMatchObject({ code: 'input_value_invalid' })
  })
})

test('a signal of another frame and no signal are taken', async () => {
  const { aborted, reason } = AbortSignal.abort()
  const ofAnotherFrame = { aborted, reason, addEventListener: () => {}, removeEventListener: () => {} }
  await expect(call(model, 'run', { image }, { signal: ofAnotherFrame })).rejects.toMatchObject({
    code: 'aborted',
  })
  await expect(call(model, 'run', {}, { signal: null })).rejects.toMatchObject({ code: 'input_name_invalid' })
})
