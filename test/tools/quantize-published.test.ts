import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ComparisonReport } from '../../models/cli/output/compare.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { facesIn, overlap } from '../../web/app/vision/faces/boxes.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { spillwayJson } from './support/command.ts'
import { readPictures } from './support/pictures.ts'
import { published } from './support/real-models.ts'

const reason = withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''

describe.skipIf(withoutTestModels)(`Magika, quantized${reason}`, () => {
  const model = published('magika', 'model.onnx')
  let folder: string
  let labels: number[]
  beforeAll(async () => {
    folder = await emptyFolder()
    const { examples } = JSON.parse(
      gunzipSync(readFileSync(published('magika', 'examples.json.gz'))).toString(),
    )
    const bytesOf = (base64: string) => {
      const raw = Buffer.from(base64, 'base64')
      return Array.from({ length: raw.length / 2 }, (_, index) => raw.readUInt16LE(index * 2))
    }
    labels = examples.map(({ index }: { index: number }) => index)
    writeFileSync(
      join(folder, 'samples.json'),
      JSON.stringify(examples.map(({ bytes }: { bytes: string }) => ({ bytes: bytesOf(bytes) }))),
    )
  })

  test.each([
    ['q8', 'cpu', 0.3],
    ['q8', 'wasm', 0.3],
    ['q8', 'webgpu', 0.3],
    ['fp16', 'wasm', 0.52],
  ])('as %s for %s keeps the published answer on at least 98%%', async (precision, backend, size) => {
    const out = join(folder, `${precision}-${backend}.onnx`)
    const { before, after } = await spillwayJson<{ before: number; after: number }>(
      'quantize',
      model,
      '--to',
      precision,
      '--for',
      backend,
      '-o',
      out,
    )
    expect(after / before).toBeLessThan(size)
    const runnable = await ortRuntime.load(out, { backend: 'cpu', threads: 1 })
    const samples: { bytes: number[] }[] = JSON.parse(readFileSync(join(folder, 'samples.json'), 'utf8'))
    let same = 0
    for (const [index, { bytes }] of samples.entries()) {
      const data = Int32Array.from(bytes)
      const { target_label: label } = await runnable.run({ bytes: { type: 'int32', data, shape: [1, 2048] } })
      const scores = Array.from(label?.data ?? [], Number)
      if (scores.indexOf(Math.max(...scores)) === labels[index]) same++
    }
    await runnable.release()
    expect(same / samples.length).toBeGreaterThanOrEqual(0.98)
  })

  test('stays within an error when the inputs of its convolution are not rounded', async () => {
    const samples = join(folder, 'samples.json')
    const out = join(folder, 'within.onnx')
    const options = ['--to', 'q8', '--for', 'cpu', '--calibrate', samples, '--measure', '0.02']
    const report = await spillwayJson<{ error: number; after: number; before: number }>(
      'quantize',
      model,
      ...options,
      '-o',
      out,
    )
    expect(report.error).toBeLessThanOrEqual(0.02)
    expect(report.after / report.before).toBeLessThan(0.3)
    const { outputs } = await spillwayJson<ComparisonReport>('compare', model, out, '--samples', samples)
    expect(outputs[0]?.top?.same).toBeGreaterThanOrEqual(64)
  })
})

describe.skipIf(withoutTestModels)(`UltraFace in int8${reason}`, () => {
  const model = published('ultraface', 'version-RFB-320.onnx')
  const least = 0.7

  test('detects the same faces in its photos', async () => {
    const folder = await emptyFolder()
    const photos = await readPictures(
      ['face-2.jpg', 'face-8.jpg'].map((name) => published('ultraface', name)),
      { width: 320, height: 240, mean: 127, deviation: 128 },
    )
    const [samples, out] = [join(folder, 'photos.json'), join(folder, 'int8.onnx')]
    writeFileSync(samples, JSON.stringify(photos.map((photo) => ({ input: [...photo] }))))
    const options = ['--to', 'q8', '--for', 'cpu', '--calibrate', samples, '--percentile', '99.99']
    const report = await spillwayJson<{ layers: { how: string }[] }>('quantize', model, ...options, '-o', out)
    expect(report.layers.filter(({ how }) => how === 'int8 convolution').length).toBeGreaterThan(10)

    const [full, int8] = await Promise.all(
      [model, out].map((path) => ortRuntime.load(path, { backend: 'cpu', threads: 1 })),
    )
    if (!full || !int8) throw new Error('not loaded')
    const counts: number[] = []
    for (const data of photos) {
      const input = { input: { type: 'float32' as const, data, shape: [1, 3, 240, 320] } }
      const [right, found] = [facesIn(await full.run(input), least), facesIn(await int8.run(input), least)]
      counts.push(right.length)
      // A face that is barely sure may fall on the other side of the limit, and is looked for there as well.
      const near = facesIn(await int8.run(input), least - 0.05)
      for (const face of right)
        expect(Math.max(...near.map((other) => overlap(face, other)))).toBeGreaterThanOrEqual(0.8)
      expect(Math.abs(found.length - right.length)).toBeLessThanOrEqual(1)
    }
    expect(counts[0]).toBe(4)
    expect(counts[1]).toBeGreaterThan(40)
    // Whether it is faster, too, is for `npm run quantization` to tell.
    const { outputs } = await spillwayJson<ComparisonReport>('compare', model, out, '--samples', samples)
    expect(Math.min(...outputs.map(({ cosine }) => cosine))).toBeGreaterThan(0.999)
  })
})
