/** What models are measured with where sizes are open, and inputs that have to be certain ones. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { type ModelProto, TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { randomTensor } from './support/network.ts'

async function fileOf(model: ModelProto, name = 'model.onnx'): Promise<string> {
  const path = join(await emptyFolder(), name)
  writeFileSync(path, encode(model))
  return path
}

/** A convolution of pictures; on one pixel only the middle of its kernel counts, which is the same for every `rest`. */
function picture(rest: number, sides: readonly [string | number, string | number] = ['height', 'width']) {
  const kernel = new Float32Array(27).fill(rest)
  for (const channel of [0, 1, 2]) kernel[9 * channel + 4] = 1
  return modelProto({
    nodes: [{ op: 'Conv', inputs: ['image', 'kernel'], outputs: ['y'], attributes: { pads: [1, 1, 1, 1] } }],
    inputs: [value('image', ['batch', 3, ...sides])],
    outputs: [value('y', ['batch', 1, ...sides])],
    tensors: [
      create(TensorProtoSchema, {
        name: 'kernel',
        dataType: DataType.FLOAT,
        dims: [1n, 3n, 3n, 3n],
        floatData: [...kernel],
      }),
    ],
  })
}

/** A product of sequences whose length has a name that says nothing. */
const unnamed = () =>
  modelProto({
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: [value('x', ['n', 'k', 64])],
    outputs: [value('y', ['n', 'k', 64])],
    tensors: [randomTensor('w', [64, 64], 1, 1)],
  })

/** `x` repeated as often as the rate says; it runs with 16,000 only. */
const withRate = (first: number | string) =>
  modelProto({
    nodes: [
      { op: 'Div', inputs: ['rate', 'known'], outputs: ['times'] },
      { op: 'Expand', inputs: ['x', 'times'], outputs: ['wide'] },
      { op: 'Reshape', inputs: ['wide', 'shape'], outputs: ['y'] },
    ],
    inputs: [value('x', [first, 4]), value('rate', [1], DataType.INT64)],
    outputs: [value('y', [first, 4])],
    tensors: ['known', 'shape'].map((name) =>
      create(TensorProtoSchema, {
        name,
        dataType: DataType.INT64,
        dims: [name === 'known' ? 1n : 2n],
        int64Data: name === 'known' ? [4000n] : [-1n, 4n],
      }),
    ),
  })

describe('compare', () => {
  test('takes pictures of the size of use, says so, and sees what one pixel hides', async () => {
    const [a, b] = [await fileOf(picture(0)), await fileOf(picture(0.5))]
    const { code, out } = await spillway('compare', a, b)
    expect(code).toBe(0)
    expect(out).toContain('on 16 samples of random numbers, image [1, 3, 224, 224];')
    expect(Number(/^ {2}y +(\S+)/m.exec(out)?.[1])).toBeGreaterThan(1)
    const small = await spillway('compare', a, b, '--shape', 'image=1,3,1,1')
    expect(small.out).toContain('random numbers, image [1, 3, 1, 1];')
    expect(small.out).toMatch(/^ {2}y +0 +0 /m)
  })

  test('knows pictures by their channels where dimensions have no names', async () => {
    const model = await fileOf(picture(0, [-1, -1]))
    expect((await spillway('compare', model, model)).out).toContain('image [1, 3, 224, 224]')
  })

  test('refuses to judge by sizes of 1 where no typical size is known', async () => {
    const model = await fileOf(unnamed())
    const { code, out, err } = await spillway('compare', model, model)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('Made-up samples would have sizes of 1 in "x"')
    expect(err).toContain('got [n, k, 64]. Give --shape x=1,64,64 with sizes of yours, or --samples.')
    const shaped = await spillway('compare', model, model, '--shape', 'x=1,20,64')
    expect(shaped.out).toContain('x [1, 20, 64]')
  })

  test('takes the value of an input that has to be a certain one', async () => {
    const model = await fileOf(withRate('batch'))
    const { err } = await spillway('compare', model, model)
    expect(err).toContain('ONNX Runtime failed on x [1, 4], rate [1]: ')
    expect(err).toContain('If the model takes other inputs, give --shape, --value or --samples.')
    const { code, out } = await spillway('compare', model, model, '--value', 'rate=4000')
    expect(code).toBe(0)
    expect(out).toContain('of random numbers, rate [1], x [1, 4], rate = 4000;')
    const samples = join(await emptyFolder(), 'rows.json')
    writeFileSync(samples, JSON.stringify([{ x: [1, 2, 3, 4] }]))
    const given = await spillway('compare', model, model, '--samples', samples, '--value', 'rate=4000')
    expect(given.out).toContain(`on one sample from ${samples}`)
    const wrong = await spillway('compare', model, model, '--value', 'speed=1')
    expect(wrong.err).toContain('The model has no input "speed": expected x, rate')
    const half = await spillway('compare', model, model, '--value', 'rate=0.5')
    expect(half.err).toContain(
      '"rate" cannot hold the value: expected a whole number of int64, up to 2^53, got 0.5',
    )
    const none = await spillway('compare', model, model, '--value', 'rate')
    expect({ code: none.code, err: none.err }).toMatchObject({
      code: 2,
      err: expect.stringContaining('Write it as name=16000.'),
    })
  })
})

describe('quantize --measure', () => {
  test('refuses sizes of 1, and says on which samples it measured', async () => {
    const [file, made] = [await fileOf(unnamed()), join(await emptyFolder(), 'q.onnx')]
    const args = ['quantize', file, '--to', 'q8', '--measure', '0.05', '-o', made]
    const refused = await spillway(...args)
    expect(refused.err).toContain('Made-up samples would have sizes of 1 in "x"')
    const shaped = await spillway(...args, '--shape', 'x=1,20,64')
    expect(shaped.out).toMatch(/% on 16 samples of random numbers, x \[1, 20, 64\]$/m)
    const samples = join(await emptyFolder(), 'rows.json')
    writeFileSync(
      samples,
      JSON.stringify([
        { x: { shape: [1, 2, 64], data: Array.from({ length: 128 }, (_, at) => Math.sin(at)) } },
      ]),
    )
    const given = await spillway(...args, '--samples', samples)
    expect(given.out).toMatch(/% on 1 sample from \S+rows\.json, x \[1, 2, 64\]$/m)
  })
})

test('batch takes the value that its proof needs', async () => {
  const file = await fileOf(
    modelProto({
      nodes: [{ op: 'Mul', inputs: ['x', 'gain'], outputs: ['y'] }],
      inputs: [value('x', [1, 4]), value('gain', [1, 1])],
      outputs: [value('y', [1, 4])],
    }),
  )
  const out = join(await emptyFolder(), 'b.onnx')
  const { code, out: said } = await spillway('batch', file, '-o', out, '--value', 'gain=2')
  expect(code).toBe(0)
  expect(said).toContain('gain = 2')
})

describe('manifest', () => {
  test('proves rows with the value that the model needs', async () => {
    const file = await fileOf(withRate('batch'), 'model.onnx')
    const folder = join(file, '..')
    const rate = { name: 'rate', type: 'int64', shape: [1], batchAxis: null }
    const manifest = await spillwayJson<Manifest>('manifest', folder)
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify({ ...manifest, batchAxis: 0, inputs: [...manifest.inputs.slice(0, 1), rate] }),
    )
    expect((await spillwayJson<Manifest>('manifest', folder)).batchAxis).toBeNull()
  })

  test('says at which sizes it estimates the memory', async () => {
    const file = await fileOf(picture(0))
    const { err } = await spillway('manifest', join(file, '..'))
    expect(err).toBe('spillway: memory is estimated at image [1, 3, 224, 224]\n')
    const manifest = await spillwayJson<Manifest>('manifest', join(file, '..'))
    // Three planes of floats in, one out.
    expect(manifest.variants[0]?.memory).toBeGreaterThan(4 * 224 * 224 * 4)
  })
})
