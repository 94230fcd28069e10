import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common'
import { messageOf } from '../../models/core/error.ts'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { inferRequest, inferResponseValues } from './infer-values.ts'
import { areClose, type NodeTest, reversed, type Value, type Values } from './node-tests.ts'
import { startTestApp, type TestApp } from './test-app.ts'
import { emptyFolder } from './test-models.ts'

/** A test that ONNX Runtime itself passes, and what manifest and server make of it. */
export interface NodeResult {
  readonly name: string
  readonly verdict: 'right' | 'wrong' | 'refused'
  readonly detail: string
}

/** A request, and what ONNX Runtime answers it. */
interface Expected {
  readonly inputs: readonly Value[]
  readonly outputs: Values
}

interface Runnable extends NodeTest {
  readonly inputNames: readonly string[]
  readonly requests: readonly Expected[]
}

/** Models of one server. */
const atOnce = 50

/**
 * Runs tests by ONNX Runtime directly, and those that it passes by manifest and server: each request alone, then several
 * together.
 */
export async function runNodeTests(tests: readonly NodeTest[]): Promise<NodeResult[]> {
  const passed: Runnable[] = []
  for (const test of tests) {
    const runnable = await runDirectly(test)
    if (runnable) passed.push(runnable)
  }
  const results: NodeResult[] = []
  for (let at = 0; at < passed.length; at += atOnce)
    results.push(...(await serve(passed.slice(at, at + atOnce))))
  return results
}

/** Undefined where ONNX Runtime lacks an operator or a type, or gives other values. */
async function runDirectly(test: NodeTest): Promise<Runnable | undefined> {
  const ort = await import('onnxruntime-node')
  let session: InferenceSession | undefined
  try {
    session = await ort.InferenceSession.create(test.model, { intraOpNumThreads: 1, logSeverityLevel: 4 })
    const outputs = await run(session, test.inputs)
    const isRight = session.outputNames.every((name, index) => {
      const [expected, got] = [test.outputs[index], outputs[name]]
      return expected !== undefined && areClose(expected, got)
    })
    if (!isRight) return undefined
    const others = reversed(test.inputs)
    const answer = await run(session, others).catch(() => undefined)
    return {
      ...test,
      inputNames: [...session.inputNames],
      requests: [{ inputs: test.inputs, outputs }, ...(answer ? [{ inputs: others, outputs: answer }] : [])],
    }
  } catch {
    return undefined
  } finally {
    await session?.release()
  }
}

function run(session: InferenceSession, values: readonly Value[]): Promise<Values> {
  const feeds = values.map(({ type, data, dims }, index) => [
    session.inputNames[index] ?? '',
    new OrtTensor(type, data as OrtTensor.DataType, dims),
  ])
  return session.run(Object.fromEntries(feeds))
}

async function serve(tests: readonly Runnable[]): Promise<NodeResult[]> {
  const root = await emptyFolder()
  const results: NodeResult[] = []
  const described: Runnable[] = []
  for (const test of tests) {
    const folder = join(root, test.name)
    mkdirSync(folder)
    copyFileSync(test.model, join(folder, 'model.onnx'))
    try {
      writeManifest(join(folder, 'manifest.json'), await makeManifest(folder))
      described.push(test)
    } catch (cause) {
      results.push({ name: test.name, verdict: 'refused', detail: `manifest: ${messageOf(cause)}` })
    }
  }
  if (described.length === 0) return results
  const app = await startTestApp({ models: [root], maxBodyBytes: 100_000_000 })
  try {
    for (const test of described) results.push(await ask(app, test))
  } finally {
    app.close()
  }
  return results
}

async function ask(app: TestApp, { name, inputNames, requests }: Runnable): Promise<NodeResult> {
  const answer = async ({ inputs, outputs }: Expected): Promise<string | undefined> => {
    const response = await app.request(`/v2/models/${name}/infer`, inferRequest(inputNames, inputs))
    const got = await inferResponseValues(response)
    return Object.keys(outputs).find((output) => {
      const expected = outputs[output]
      return expected !== undefined && !areClose(expected, got[output])
    })
  }
  try {
    for (const request of requests) {
      const wrong = await answer(request)
      if (wrong !== undefined) return { name, verdict: 'wrong', detail: `${wrong}, alone` }
    }
    const together = await Promise.all([...requests, ...requests, ...requests].map(answer))
    const wrong = together.find((output) => output !== undefined)
    return wrong === undefined
      ? { name, verdict: 'right', detail: '' }
      : { name, verdict: 'wrong', detail: `${wrong}, together` }
  } catch (cause) {
    return { name, verdict: 'refused', detail: messageOf(cause) }
  }
}
