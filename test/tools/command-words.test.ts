/** What people who are new to the command typed, and the answer that helps them on. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type Manifest, parseCatalogue } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { readCatalogue } from '../../server/inference/catalogue.ts'
import { crashingGraph } from '../support/fatal-models.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from './support/build.ts'
import { spillway } from './support/command.ts'
import { folderOf } from './support/files.ts'
import { randomTensor } from './support/network.ts'

const graph = (output = 'y') =>
  encode(
    modelProto({
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: [output] }],
      inputs: [value('x', ['n', 3])],
      outputs: [value(output, ['n', 3])],
    }),
  )

/** Runs the built command, as from a shell. */
const runBuilt = (...args: readonly string[]) =>
  spawnSync(process.execPath, [built, ...args], { encoding: 'utf8' })
const built = fileURLToPath(new URL('../../dist/server/spillway.js', import.meta.url))

const idsIn = (folder: string) =>
  parseCatalogue(JSON.parse(readFileSync(join(folder, 'catalogue.json'), 'utf8')), 'a test').models.map(
    ({ id }) => id,
  )

describe('spillway pull', () => {
  test('of a file on this machine says how to write its manifest', async () => {
    const folder = await folderOf({ 'model.onnx': graph() })
    const file = join(folder, 'model.onnx')
    const { code, err } = await spillway('pull', file, '-o', join(folder, 'out'))
    expect(code).toBe(1)
    expect(err).toContain(`${file} is here already`)
    expect(err).toContain(`"spillway manifest ${file}"`)
  })
})

describe('spillway manifest', () => {
  test('of a file puts it into a folder of its name', async () => {
    const folder = await folderOf({ 'best (1).onnx': graph(), 'other.onnx': graph('z') })
    const { code, out, err } = await spillway('manifest', join(folder, 'best (1).onnx'))
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(join(folder, 'best-1', 'manifest.json'))
    const made: Manifest = JSON.parse(readFileSync(join(folder, 'best-1', 'manifest.json'), 'utf8'))
    expect(made).toMatchObject({ id: 'best-1', variants: [{ files: [{ path: 'best (1).onnx' }] }] })
    expect(existsSync(join(folder, 'best (1).onnx'))).toBe(true)
  })

  test('of the file in a model’s own folder writes it there', async () => {
    const folder = await folderOf({ 'model.onnx': graph() })
    expect((await spillway('manifest', join(folder, 'model.onnx'))).code).toBe(0)
    expect(existsSync(join(folder, 'manifest.json'))).toBe(true)
  })

  test('of a model of several graphs describes each, named by its part', async () => {
    const folder = await folderOf({
      'onnx/encoder_model.onnx': graph(),
      'onnx/decoder_model.onnx': graph('z'),
      'onnx/decoder_model_q8.onnx': graph('z'),
    })
    const { code, out } = await spillway('manifest', folder)
    expect({ code, out }).toEqual({
      code: 0,
      out: `${join(folder, 'catalogue.json')} lists decoder_model, encoder_model\n`,
    })
    const catalogue = await readCatalogue([folder])
    expect(catalogue.get('decoder_model')?.manifest.variants.map(({ id }) => id)).toEqual(['q8', 'fp32'])
    expect(catalogue.get('encoder_model')?.manifest.outputs.map(({ name }) => name)).toEqual(['y'])
    expect((await spillway('manifest', folder)).out).toBe(out)
  })

  test('of a folder of several graphs brings its parts up to date when it is run again', async () => {
    const folder = await folderOf({
      'onnx/encoder_model.onnx': graph(),
      'onnx/decoder_model.onnx': graph('z'),
    })
    await spillway('manifest', folder)
    writeFileSync(join(folder, 'onnx', 'decoder_model_q8.onnx'), graph('z'))
    rmSync(join(folder, 'onnx', 'encoder_model.onnx'))
    writeFileSync(join(folder, 'onnx', 'encoder_model.onnx'), graph('changed'))
    const { code, out } = await spillway('manifest', folder)
    expect({ code, out }).toEqual({
      code: 0,
      out: `${join(folder, 'catalogue.json')} lists decoder_model, encoder_model\n`,
    })
    const catalogue = await readCatalogue([folder])
    expect(catalogue.get('decoder_model')?.manifest.variants.map(({ id }) => id)).toEqual(['q8', 'fp32'])
    expect(catalogue.get('encoder_model')?.manifest.outputs.map(({ name }) => name)).toEqual(['changed'])
  })

  test('of a folder whose parts all failed tries the same parts again', async () => {
    const folder = await folderOf({ 'blue.onnx': ofComplexNumbers(), 'sad.onnx': ofComplexNumbers() })
    const { code, err } = await spillway('manifest', folder)
    expect(code).toBe(1)
    expect((await spillway('manifest', folder)).err).toBe(err)
    expect(existsSync(join(folder, 'sad', 'sad'))).toBe(false)
  })

  test('of a folder of models leaves graphs beside them alone', async () => {
    const folder = await folderOf({ 'det/det.onnx': graph(), 'one.onnx': graph(), 'two.onnx': graph('z') })
    await spillway('manifest', join(folder, 'det'))
    expect((await spillway('manifest', folder)).out).toContain('lists det\n')
    expect(existsSync(join(folder, 'one'))).toBe(false)
  })

  test('leaves out a part that cannot be described, says so and ends with 1', async () => {
    const folder = await folderOf({ 'good.onnx': graph(), 'sad.onnx': ofComplexNumbers() })
    const { code, out, err } = await spillway('manifest', folder)
    expect(code).toBe(1)
    expect(out).toContain('lists good\n')
    expect(err).toContain('spillway: sad is left out: ')
  })

  test('of a folder of folders without manifests says to write each one’s first', async () => {
    const folder = await folderOf({ 'det/det.onnx': graph(), 'rec/model.onnx': graph('z') })
    const { code, err } = await spillway('manifest', folder)
    expect(code).toBe(1)
    expect(err).toContain('holds folders of models without a manifest')
    expect(err).toContain('got det, rec')
    expect(err).toContain(`"spillway manifest ${join(folder, 'det')}"`)
  })

  test('of a folder of folders says which one is left out, and why', async () => {
    const folder = await folderOf({ 'det/det.onnx': graph(), 'rec/model.onnx': graph('z') })
    await spillway('manifest', join(folder, 'det'))
    const { code, err } = await spillway('manifest', folder)
    expect(code).toBe(0)
    expect(idsIn(folder)).toEqual(['det'])
    expect(err).toBe(
      `spillway: rec is left out: it has no manifest.json. Write it with "spillway manifest ${join(folder, 'rec')}"\n`,
    )
  })

  test('a server for a folder of bare ONNX files says to run it', async () => {
    const folder = await folderOf({ 'a.onnx': graph() })
    await expect(readCatalogue([folder])).rejects.toThrow(`"spillway manifest ${folder}"`)
  })
})

/** No API here carries complex numbers. */
const ofComplexNumbers = () =>
  encode(
    modelProto({
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: [value('x', ['n'], DataType.COMPLEX64)],
      outputs: [value('y', ['n'], DataType.COMPLEX64)],
    }),
  )

describe('spillway inspect', () => {
  test('of a folder names the models in it', async () => {
    const folder = await folderOf({ 'onnx/model.onnx': graph(), 'a.onnx': graph() })
    const { code, err } = await spillway('inspect', folder)
    expect(code).toBe(1)
    expect(err).toBe(
      `spillway: ${folder} is a folder: expected an ONNX file, got a folder with a.onnx, onnx/model.onnx\n`,
    )
  })

  test.each([
    ['TensorFlow Lite', '\u001c\u0000\u0000\u0000TFL3', 'a model of TensorFlow Lite (TFL3)'],
    ['a zip archive', 'PK\u0003\u0004', 'a zip archive, as PyTorch (.pt) and Keras write them'],
    ['a web page', '<!DOCTYPE html>', 'a web page'],
  ])('of %s says what it is', async (_what, bytes, name) => {
    const folder = await folderOf({ 'm.tflite': Buffer.from(bytes.padEnd(64, '\u0000'), 'latin1') })
    const { code, err } = await spillway('inspect', join(folder, 'm.tflite'))
    expect(code).toBe(1)
    expect(err).toContain(`The file is not an ONNX model: expected ONNX, got ${name}`)
  })
})

describe('a failure', () => {
  test.each(['compare', 'batch'])(
    'of ONNX Runtime in %s is one sentence, without lines of its own',
    async (command) => {
      const folder = await folderOf({
        'm.onnx': encode(
          modelProto({
            nodes: [{ op: 'Reshape', inputs: ['x', 'to'], outputs: ['y'] }],
            inputs: [value('x', [1, 3])],
            outputs: [value('y', [1, 4])],
            tensors: [
              create(TensorProtoSchema, {
                name: 'to',
                dataType: DataType.INT64,
                dims: [2n],
                int64Data: [-1n, 4n],
              }),
            ],
          }),
        ),
      })
      const file = join(folder, 'm.onnx')
      const args = command === 'compare' ? [file, file] : [file, '-o', join(folder, 'out.onnx')]
      const { status, stderr } = runBuilt(command, ...args)
      expect(status).toBe(1)
      expect(stderr).toMatch(/^spillway: [^\n]*\n$/)
    },
  )
})

test('a crash of ONNX Runtime is told', async () => {
  const folder = await folderOf({ 'm.onnx': crashingGraph() })
  const file = join(folder, 'm.onnx')
  const { status, stdout, stderr } = runBuilt('compare', file, file, '--shape', 'x=2,3')
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(/^spillway: ONNX Runtime crashed \(SIGSEGV\) while it [^\n]+\n$/)
  expect(runBuilt('inspect', file).status).toBe(0)
  expect(runBuilt('inspect').status).toBe(2)
})

describe('spillway quantize', () => {
  const halves = (weight: 'w' | 'none') =>
    encode(
      modelProto({
        nodes: [
          { op: 'Cast', inputs: ['x'], outputs: ['h'], attributes: { to: DataType.FLOAT16 } },
          weight === 'w'
            ? { op: 'MatMul', inputs: ['h', 'w'], outputs: ['p'] }
            : { op: 'Relu', inputs: ['h'], outputs: ['p'] },
          { op: 'Cast', inputs: ['p'], outputs: ['y'], attributes: { to: DataType.FLOAT } },
        ],
        inputs: [value('x', ['n', 64])],
        outputs: [value('y', ['n', 64])],
        tensors:
          weight === 'w'
            ? [
                create(TensorProtoSchema, {
                  name: 'w',
                  dataType: DataType.FLOAT16,
                  dims: [64n, 64n],
                  int32Data: Array.from({ length: 4096 }, (_, index) => 0x2c00 + (index % 512)),
                }),
              ]
            : [],
      }),
    )

  test('says for which backend it was made', async () => {
    const model = modelProto({
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      inputs: [value('x', ['n', 64])],
      outputs: [value('y', ['n', 64])],
      tensors: [randomTensor('w', [64, 64], 1, 1)],
    })
    const folder = await folderOf({ 'm.onnx': encode(model) })
    const made = join(await emptyFolder(), 'q.onnx')
    const plain = await spillway('quantize', join(folder, 'm.onnx'), '--to', 'q8', '-o', made)
    expect(plain.out).toMatch(/, for webgpu, the default \(--for\)$/m)
    const forCpu = await spillway(
      ...['quantize', join(folder, 'm.onnx'), '--to', 'q8', '--for', 'cpu', '-o', made],
    )
    expect(forCpu.out).toMatch(/, for cpu$/m)
  })

  test.each(['webgpu', 'wasm', 'cpu'])('makes q8 of half floats, for %s', async (backend) => {
    const folder = await folderOf({ 'm.onnx': halves('w') })
    const [file, made] = [join(folder, 'm.onnx'), join(await emptyFolder(), 'q.onnx')]
    const { code, out, err } = await spillway(
      ...['quantize', file, '--to', 'q8', '--for', backend, '-o', made, '--measure', '0.02'],
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/answers are off by 0\.\d\d% on 16 samples of random numbers, x \[1, 64\]$/m)
    expect([...readModel(made).weights.values()].some(({ type }) => type === DataType.UINT8)).toBe(true)
  })

  test.each<['w' | 'none', string]>([
    ['w', 'got half floats or integers'],
    ['none', 'got no weights'],
  ])('to fp16 of halves or of nothing (%s) says that there is nothing to do', async (weight, reason) => {
    const folder = await folderOf({ 'm.onnx': halves(weight) })
    const made = join(folder, 'h.onnx')
    const { code, err } = await spillway('quantize', join(folder, 'm.onnx'), '--to', 'fp16', '-o', made)
    expect(code).toBe(1)
    expect(err).toContain('There is nothing to do: the model has no weights of float32')
    expect(err).toContain(reason)
    expect(existsSync(made)).toBe(false)
  })
})
