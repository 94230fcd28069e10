/** Models that hang or crash when they are run on made-up inputs are described all the same. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../models/core/index.ts'
import { makeNode } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../models/tools/onnx/generated/onnx_pb.ts'
import { crashingGraph } from '../support/fatal-models.ts'
import { encode, modelProto, value } from './support/build.ts'
import { folderOf } from './support/files.ts'

const built = fileURLToPath(new URL('../../dist/server/spillway.js', import.meta.url))

/** A loop of 2^62 steps. */
function endless(output: ValueInfoProto): Uint8Array {
  const scalar = (name: string, dataType: DataType, parts: object) =>
    create(TensorProtoSchema, { name, dataType, dims: [], ...parts })
  const loop = { op: 'Loop', inputs: ['steps', 'always', 'x'], outputs: ['y'] }
  const model = modelProto({
    nodes: [loop],
    inputs: [value('x', ['n', 3])],
    outputs: [output],
    tensors: [
      scalar('steps', DataType.INT64, { int64Data: [2n ** 62n] }),
      scalar('always', DataType.BOOL, { int32Data: [1] }),
    ],
  })
  const body = create(GraphProtoSchema, {
    name: 'body',
    node: [
      makeNode({ op: 'Identity', inputs: ['go'], outputs: ['goes'] }),
      makeNode({ op: 'Sin', inputs: ['before'], outputs: ['after'] }),
    ],
    input: [value('step', [], DataType.INT64), value('go', [], DataType.BOOL), value('before', ['n', 3])],
    output: [value('goes', [], DataType.BOOL), value('after', ['n', 3])],
  })
  model.graph?.node[0]?.attribute.push(
    create(AttributeProtoSchema, { name: 'body', type: AttributeProto_AttributeType.GRAPH, g: body }),
  )
  return encode(model)
}

const manifestOf = (folder: string) =>
  parseManifest(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')), folder)

const childrenOf = (pid = 0) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

/** The process that a command started, once it computes for the model. */
async function runningChild(command: ChildProcess): Promise<number> {
  await expect.poll(() => childrenOf(command.pid)).toHaveLength(1)
  const [child = 0] = childrenOf(command.pid)
  const ticks = () => Number(readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[13])
  await expect.poll(ticks, { timeout: 30_000 }).toBeGreaterThan(100)
  return child
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.skipIf(process.platform !== 'linux').each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s to the watching process ends a command that runs a model',
  async (signal) => {
    const file = join(await folderOf({ 'model.onnx': endless(value('y', ['n', 3])) }), 'model.onnx')
    const command = spawn(process.execPath, [built, 'compare', file, file], { stdio: 'ignore' })
    const ended = once(command, 'exit')
    const child = await runningChild(command)
    command.kill(signal)
    expect(await ended).toEqual([null, signal])
    expect(isAlive(child)).toBe(false)
  },
)

test('spillway quantize ends when a model hangs on samples that it made up', async () => {
  const folder = await folderOf({ 'model.onnx': endless(value('y', ['n', 3])) })
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...[built, 'quantize', join(folder, 'model.onnx'), '--to', 'q8', '--measure', '0.1'],
      ...['--shape', 'x=1,3', '--run-limit', '2', '-o', join(folder, 'small.onnx')],
    ],
    { encoding: 'utf8', timeout: 30_000 },
  )
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /runs too long on made-up inputs: expected at most 2 s [^\n]+ raise --run-limit\.\n$/,
  )
})

describe('spillway manifest', () => {
  test.each([
    ['the proof that rows are independent', value('y', ['n', 3]), [-1, 3]],
    ['outputs that the file does not declare', create(ValueInfoProtoSchema, { name: 'y' }), null],
  ])('ends when a model hangs on made-up inputs, for %s', async (_what, output, shape) => {
    const folder = await folderOf({ 'model.onnx': endless(output) })
    const { status, stderr } = spawnSync(process.execPath, [built, 'manifest', folder, '--run-limit', '2'], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    expect(status).toBe(0)
    expect(stderr).toContain('runs too long on made-up inputs: expected at most 2 s')
    expect(manifestOf(folder)).toMatchObject({ outputs: [{ shape }], batchAxis: null })
  })

  test('says that ONNX Runtime crashed, and describes the model', async () => {
    const folder = await folderOf({ 'model.onnx': crashingGraph(['a', 'b']) })
    const { status, stderr } = spawnSync(process.execPath, [built, 'manifest', folder], { encoding: 'utf8' })
    expect(status).toBe(0)
    expect(stderr).toMatch(/ONNX Runtime crashed on [^\n]+ with made-up inputs: got SIGSEGV\n$/)
    expect(manifestOf(folder)).toMatchObject({ batchAxis: null })
  })

  test.skipIf(process.platform !== 'linux')('that is killed leaves no process behind', async () => {
    const folder = await folderOf({ 'model.onnx': endless(value('y', ['n', 3])) })
    const command = spawn(process.execPath, [built, 'manifest', folder], { stdio: 'ignore' })
    const child = await runningChild(command)
    command.kill('SIGKILL')
    await expect.poll(() => isAlive(child)).toBe(false)
  })
})
