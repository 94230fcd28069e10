import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Manifest, parseCatalogue } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { classicalModel, embeddingInBlocks, embeddingInFloats } from '../support/backend-models.ts'
import { embedderGraph, withExternalData } from '../support/hub-models.ts'
import { type SmallGraph, smallGraphs } from '../support/small-models.ts'
import { digitsFolder, digitsManifest, emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { textEncoder } from '../support/text-encoder.ts'
import { encode, modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { copyOfDigits, readManifest, writeManifest } from './support/digits-copy.ts'
import { convNetwork, randomTensor } from './support/network.ts'
import { published } from './support/real-models.ts'

describe('spillway manifest', () => {
  test('keeps the fields that people wrote', async () => {
    const folder = await copyOfDigits()
    const made = await spillwayJson<Manifest>('manifest', folder)
    const forget = (manifest: Manifest) => ({
      ...manifest,
      variants: manifest.variants.map(({ memory: _memory, ...variant }) => variant),
    })
    expect(forget(made)).toEqual(forget(digitsManifest))
    expect(readManifest(folder)).toEqual(made)
  })

  test('brings hashes, sizes and variants up to date', async () => {
    const folder = await copyOfDigits()
    const graph = encode(convNetwork())
    rmSync(join(folder, 'fp32'), { recursive: true })
    for (const { id } of digitsManifest.variants) rmSync(join(folder, id), { recursive: true, force: true })
    for (const id of ['fp32', 'q8']) {
      mkdirSync(join(folder, id))
      writeFileSync(join(folder, id, 'model.onnx'), graph)
    }
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made.variants.map(({ id, precision, files }) => [id, precision, files[0]?.size])).toEqual(
      expect.arrayContaining([
        ['fp32', 'fp32', graph.length],
        ['q8', 'q8', graph.length],
      ]),
    )
    expect(made.variants).toHaveLength(2)
    // Of the same name, and of another shape: what the graph fixes counts.
    expect(made.inputs).toEqual([expect.objectContaining({ name: 'image', shape: [-1, 3, 32, 32] })])
    expect(made).toMatchObject({ title: digitsManifest.title, labels: digitsManifest.labels })
  })

  test('names the backends that have the operators of each graph', async () => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'model.onnx'), embeddingInFloats())
    writeFileSync(join(folder, 'model_q4.onnx'), embeddingInBlocks())
    writeFileSync(join(folder, 'model_q4f16.onnx'), embeddingInBlocks())
    const { variants } = await spillwayJson<Manifest>('manifest', folder)
    expect(variants.map(({ id, backends }) => [id, backends])).toEqual([
      ['q4f16', ['webgpu', 'cuda']],
      ['q4', ['webgpu', 'cpu', 'cuda']],
      ['fp32', undefined],
    ])
    const classical = await emptyFolder()
    writeFileSync(join(classical, 'model.onnx'), classicalModel())
    const made = await spillwayJson<Manifest>('manifest', classical)
    expect(made.variants.map(({ backends }) => backends)).toEqual([['cpu', 'cuda']])
    expect((await spillwayJson<Manifest>('manifest', classical)).variants).toEqual(made.variants)
  })

  test('writes the manifest of a graph and its data to the file named by -o', async () => {
    const folder = await emptyFolder()
    const { graph, data } = withExternalData(embedderGraph(), 'weights.bin')
    writeFileSync(join(folder, 'net.onnx'), graph)
    writeFileSync(join(folder, 'weights.bin'), data)
    const out = join(folder, 'made.json')
    const { code, out: said } = await spillway(
      ...['manifest', folder, '--id', 'net', '--title', 'A net', '--license', 'MIT', '-o', out],
    )
    expect(code).toBe(0)
    expect(said).toContain('A net')
    const made: Manifest = JSON.parse(readFileSync(out, 'utf8'))
    expect(made).toMatchObject({ id: 'net', title: 'A net', license: 'MIT', batchAxis: 0, task: 'tensor' })
    expect(made.variants[0]?.files.map(({ path }) => path)).toEqual(['net.onnx', 'weights.bin'])
    expect(made.variants[0]?.memory).toBeGreaterThan(graph.length + data.length)
  })

  const title = `reads a published model that does not batch${withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''}`
  test.skipIf(withoutTestModels !== undefined)(title, async () => {
    const folder = await emptyFolder()
    cpSync(published('ultraface', 'version-RFB-320.onnx'), join(folder, 'version-RFB-320.onnx'))
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made).toMatchObject({
      batchAxis: null,
      inputs: [{ name: 'input', shape: [1, 3, 240, 320] }],
      outputs: [{ name: 'scores' }, { name: 'boxes' }],
    })
  })

  test.each<[SmallGraph, 0 | null]>([
    ['twice', 0],
    ['shareOfMax', null],
    ['timeMajor', null],
    ['softmaxOverRows', null],
    ['padsRows', null],
    ['dynamicInt8', null],
    ['otherNames', null],
    ['divides', 0],
  ])('proves by runs whether rows of %s may share a run', async (graph, batchAxis) => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'model.onnx'), smallGraphs[graph])
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made).toMatchObject({ batchAxis, tolerance: 0.01 })
    expect(made.batching).toEqual(batchAxis === null ? undefined : { evidence: 'proven' })
    // What an earlier version derived without a proof does not count.
    writeManifest(folder, { ...made, batchAxis: 0 })
    expect((await spillwayJson<Manifest>('manifest', folder)).batchAxis).toBe(batchAxis)
  })

  test.each(['unk__7', 'Addy_dim_0'])(
    'lets runs decide where an exporter made up the name of a dimension: %s',
    async (name) => {
      const folder = await emptyFolder()
      const model = modelProto({
        nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
        inputs: [value('x', ['unk__6', 3])],
        outputs: [value('y', [name, 3])],
      })
      writeFileSync(join(folder, 'model.onnx'), encode(model))
      expect(await spillwayJson<Manifest>('manifest', folder)).toMatchObject({
        batchAxis: 0,
        batching: { evidence: 'proven' },
      })
    },
  )

  test('leaves rows that influence each other to an author who accepts it', async () => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'model.onnx'), smallGraphs.dynamicInt8)
    const made = await spillwayJson<Manifest>('manifest', folder)
    writeManifest(folder, { ...made, batchAxis: 0, batching: { evidence: 'accepted' } })
    expect(await spillwayJson<Manifest>('manifest', folder)).toMatchObject({
      batchAxis: 0,
      batching: { evidence: 'accepted' },
    })
  })

  test('leaves the proof to lanes where only some variants have independent rows', async () => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'model.onnx'), smallGraphs.same)
    writeFileSync(join(folder, 'model_q8.onnx'), smallGraphs.dynamicInt8)
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made.variants.map(({ id }) => id).sort()).toEqual(['fp32', 'q8'])
    expect(made.batchAxis).toBe(0)
    expect(made.batching).toBeUndefined()
  })

  test('makes padding a part of the proof of a text encoder', async () => {
    const shape = { vocabulary: 64, width: 16, heads: 2, layers: 1, context: 32 }
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'model.onnx'), textEncoder(shape))
    const config = { architectures: ['BertModel'], model_type: 'bert', hidden_size: 16, vocab_size: 64 }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made).toMatchObject({ batchAxis: 0, batching: { evidence: 'proven' } })
    expect(made.inputs.map(({ pad }) => pad?.axis)).toEqual([1, 1, 1])
  })

  test('lets texts of one length only share a run where the mask does not hide padding', async () => {
    const folder = await emptyFolder()
    const ids = (name: string) => value(name, ['batch', 'sequence'], DataType.INT64)
    const careless = modelProto({
      nodes: [
        { op: 'Add', inputs: ['input_ids', 'attention_mask'], outputs: ['sum'] },
        { op: 'Gather', inputs: ['table', 'sum'], outputs: ['words'] },
        { op: 'ReduceMean', inputs: ['words'], outputs: ['mean'], attributes: { axes: [1] } },
        { op: 'Sub', inputs: ['words', 'mean'], outputs: ['last_hidden_state'] },
      ],
      inputs: [ids('input_ids'), ids('attention_mask')],
      outputs: [value('last_hidden_state', ['batch', 'sequence', 16])],
      tensors: [randomTensor('table', [300, 16], 1, 1)],
    })
    writeFileSync(join(folder, 'model.onnx'), encode(careless))
    const config = { architectures: ['BertModel'], model_type: 'roberta', hidden_size: 16, vocab_size: 300 }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made).toMatchObject({ batchAxis: 0, batching: { evidence: 'proven' } })
    expect([...made.inputs, ...made.outputs].map(({ pad }) => pad)).toEqual([undefined, undefined, undefined])
  })

  test('declares the cache of a decoder beside an encoder, which no generation knows', async () => {
    const folder = await emptyFolder()
    const cache = '0.decoder.key'
    const graph = modelProto({
      nodes: [
        { op: 'Add', inputs: [`past_key_values.${cache}`, 'x'], outputs: [`present.${cache}`] },
        { op: 'Identity', inputs: [`present.${cache}`], outputs: ['logits'] },
      ],
      inputs: [value('x', ['batch', 2]), value(`past_key_values.${cache}`, ['batch', 2])],
      outputs: [value('logits', ['batch', 2]), value(`present.${cache}`, ['batch', 2])],
    })
    writeFileSync(join(folder, 'model.onnx'), encode(graph))
    const made = await spillwayJson<Manifest>('manifest', folder)
    expect(made.task).toBe('tensor')
    expect([...made.inputs, ...made.outputs].map(({ name }) => name)).toEqual([
      'x',
      'past_key_values.0.decoder.key',
      'logits',
      'present.0.decoder.key',
    ])
  })

  test('lists the models of a folder for a host of files', async () => {
    const folder = await emptyFolder()
    cpSync(digitsFolder, join(folder, 'digits'), { recursive: true })
    cpSync(join(digitsFolder, '..', 'hub.json'), join(folder, 'hub.json'))
    const { code, out } = await spillway('manifest', folder)
    expect({ code, out }).toEqual({ code: 0, out: `${join(folder, 'catalogue.json')} lists digits\n` })
    const written: unknown = JSON.parse(readFileSync(join(folder, 'catalogue.json'), 'utf8'))
    const { models, hub } = parseCatalogue(written, 'a test')
    expect(models).toEqual([digitsManifest])
    expect(hub.length).toBeGreaterThan(0)
    cpSync(digitsFolder, join(folder, 'other'), { recursive: true })
    expect(await spillway('manifest', folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not named as its model'),
    })
  })

  test.each<[string, (folder: string) => void, string]>([
    ['no model', () => {}, 'There is no ONNX model in'],
    ['a manifest that is none', (folder) => writeManifest(folder, { schema: 7 }), 'not valid at schema'],
    ['a model that is none', (folder) => writeFileSync(join(folder, 'model.onnx'), 'text'), 'spillway: '],
    [
      'two models',
      (folder) => {
        writeFileSync(join(folder, 'model.onnx'), embedderGraph())
        writeFileSync(join(folder, 'model_q8.onnx'), encode(convNetwork()))
      },
      'is not a variant of model.onnx',
    ],
  ])('refuses a folder with %s', async (_what, fill, message) => {
    const folder = await emptyFolder()
    fill(folder)
    const { code, err } = await spillway('manifest', folder)
    expect(code).toBe(1)
    expect(err).toContain(message)
  })
})
