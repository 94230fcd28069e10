import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { readPeftAdapter } from '../../models/tools/adapt/peft.ts'
import { withAdapters } from '../../models/tools/adapt/with-adapters.ts'
import { changeNode } from '../../models/tools/graph/node.ts'
import { makeValue } from '../../models/tools/graph/values.ts'
import { parseVariant } from '../../models/tools/import/build-variant.ts'
import type { Checkpoint } from '../../models/tools/import/checkpoint.ts'
import { writeFolder } from '../../models/tools/import/folder.ts'
import { openCheckpoint } from '../../models/tools/import/import.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { saveModel } from '../../models/tools/onnx/save.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import type { Tensors } from '../../models/tools/run-model/runtime.ts'
import { allRoles, merge, randomAdapter, type TestAdapter, writeAdapter } from '../support/lora.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { decoderFeeds } from './support/decoder.ts'
import { published } from './support/real-models.ts'

describe.skipIf(withoutTestModels)(
  `adapters of stories260k${withoutTestModels ? `: ${withoutTestModels}` : ''}`,
  () => {
    const tokens = [1, 403, 407, 261, 378, 31, 286, 261]
    let folder: string
    let checkpoint: Checkpoint
    let full: TestAdapter
    let attention: TestAdapter
    let manifest: Manifest
    const at = (...parts: string[]) => join(folder, ...parts)
    const build = (name: string, checkpoint: Checkpoint, variants: readonly string[]) =>
      writeFolder(
        at(name),
        { ...openCheckpoint(published('stories260k', 'stories260K.bin'), undefined), checkpoint },
        {
          id: name,
          title: name,
          context: 512,
          variants: variants.flatMap((id) => parseVariant(id) ?? []),
        },
      )

    beforeAll(async () => {
      folder = await emptyFolder()
      checkpoint = openCheckpoint(published('stories260k', 'stories260K.bin'), undefined).checkpoint
      full = randomAdapter(checkpoint, { seed: 1, rank: 4, alpha: 8, roles: allRoles })
      attention = randomAdapter(checkpoint, { seed: 2, rank: 2, alpha: 4, roles: ['query', 'value'] })
      writeAdapter(at('full'), full)
      writeAdapter(at('attention'), attention)
      await build('base', checkpoint, ['fp32', 'q4', 'fp16', 'q8-wasm', 'fp16-cpu'])
      await build('merged-full', merge(checkpoint, full), ['fp32'])
      await build('merged-attention', merge(checkpoint, attention), ['fp32'])
      const adapters = ['--adapter', at('full'), '--adapter', `second=${at('attention')}`]
      manifest = await spillwayJson<Manifest>('adapt', at('base'), ...adapters, '-o', at('adapted'))
    })

    async function logitsOf(path: string, feeds: (model: ReturnType<typeof readModel>) => Tensors) {
      const session = await ortRuntime.load(path, { backend: 'cpu', threads: 1 })
      try {
        const { logits } = await session.run(feeds(readModel(path)))
        return Array.from((logits?.data ?? []) as Float32Array)
      } finally {
        await session.release()
      }
    }
    /** The logits of one row after another, each from the model merged with its adapter. */
    const expected = async (names: readonly string[]) =>
      (await Promise.all(names.map((name) => logitsOf(at(name, 'fp32/model.onnx'), one)))).flat()
    const one = (model: ReturnType<typeof readModel>) => decoderFeeds(model, tokens)
    /** Rows with the same tokens and the given adapters. */
    const rows =
      (ids: readonly number[]) =>
      (model: ReturnType<typeof readModel>): Tensors => {
        const single = decoderFeeds(model, tokens)
        const repeated = Object.entries(single).map(([name, { type, data, shape }]) => {
          const many = ids.flatMap(() => Array.from<unknown, bigint>(data, (value) => value as bigint))
          return [
            name,
            type === 'int64'
              ? { type, data: BigInt64Array.from(many), shape: [ids.length, ...shape.slice(1)] }
              : { type, data, shape: [ids.length, ...shape.slice(1)] },
          ]
        })
        return {
          ...Object.fromEntries(repeated),
          adapter_ids: { type: 'int64', data: BigInt64Array.from(ids, BigInt), shape: [ids.length] },
        }
      }
    const unknown = (name: string) => name.replace('_proj/', '_linear/')
    const cosine = (values: readonly number[], others: readonly number[]) => {
      const dot = (a: readonly number[], b: readonly number[]) =>
        a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
      return dot(values, others) / Math.sqrt(dot(values, values) * dot(others, others))
    }
    const farthest = (values: readonly number[], others: readonly number[]) =>
      Math.max(...values.map((value, index) => Math.abs(value - (others[index] ?? Number.NaN))))

    test('rows of the model and two adapters in one run are as the merged models have them', async () => {
      const together = await logitsOf(at('adapted/fp32/model.onnx'), rows([2, 0, 1, 2]))
      const alone = await expected(['merged-attention', 'base', 'merged-full', 'merged-attention'])
      expect(together).toHaveLength(alone.length)
      expect(farthest(together, alone)).toBeLessThan(1e-4)
      const size = tokens.length * 512
      expect(farthest(alone.slice(0, size), alone.slice(size, 2 * size))).toBeGreaterThan(0.5)
    })

    test.each([
      ['q4', 1e-5],
      ['q8-wasm', 1e-5],
      ['fp16-cpu', 1e-5],
      // A CPU computes halves as floats, and rounds them between other nodes.
      ['fp16', 0.1],
    ])('%s: the model itself answers as before', async (id, most) => {
      const adapted = (row: number) => logitsOf(at('adapted', id, 'model.onnx'), rows([row]))
      const before = await logitsOf(at('base', id, 'model.onnx'), one)
      expect(farthest(await adapted(0), before)).toBeLessThan(most)
      expect(farthest(await adapted(1), before)).toBeGreaterThan(0.5)
    })

    test('rows of dynamic int8 differ by as much as those of floats', async () => {
      const int8 = at('base/int8/model.onnx')
      await spillwayJson('quantize', at('base/fp32/model.onnx'), '--to', 'q8', '--for', 'wasm', '-o', int8)
      const adapted = withAdapters(readModel(int8), [readPeftAdapter('full', at('full'))], 16)
      saveModel(adapted, at('int8/model.onnx'))
      const before = await logitsOf(int8, one)
      expect(farthest(await logitsOf(at('int8/model.onnx'), rows([0])), before)).toBeLessThan(1e-5)
      const merged = await expected(['merged-full'])
      expect(cosine(await logitsOf(at('int8/model.onnx'), rows([1])), merged)).toBeGreaterThan(0.99)
    })

    test('projections are found by the names that exporters for the hub give them', async () => {
      const model = readModel(at('base/fp32/model.onnx'))
      const folders = { attention: 'self_attn', mlp: 'mlp' }
      const roles = { query: 'q', key: 'k', value: 'v', output: 'o', gate: 'gate', up: 'up', down: 'down' }
      const renamed = (name: string) => {
        const [, layer, folder = '', role = ''] = /^(layers\.\d)\.(attention|mlp)\.(\w+)$/.exec(name) ?? []
        const projection = roles[role as keyof typeof roles]
        if (projection === undefined) return name
        return `/model/${layer}/${folders[folder as keyof typeof folders]}/${projection}_proj/MatMul_output_0`
      }
      const nodes = model.nodes.map((node) =>
        changeNode(node, { name: '', input: node.input.map(renamed), output: node.output.map(renamed) }),
      )
      const adapters = ['full', 'attention'].map((name) => readPeftAdapter(name, at(name)))
      saveModel(withAdapters({ ...model, nodes }, adapters, 16), at('hub/model.onnx'))
      const together = await logitsOf(at('hub/model.onnx'), rows([1, 2]))
      expect(farthest(together, await expected(['merged-full', 'merged-attention']))).toBeLessThan(1e-4)
      const others = nodes.map((node) =>
        changeNode(node, { output: node.output.map(unknown), input: node.input.map(unknown) }),
      )
      const flat = model.inputs.map((input) =>
        input.name === 'input_ids' ? makeValue('input_ids', DataType.INT64, ['tokens']) : input,
      )
      expect(() => withAdapters({ ...model, inputs: flat }, adapters, 16)).toThrow(
        /tokens of each text in a row/,
      )
      expect(() => withAdapters({ ...model, nodes: others }, adapters, 16)).toThrow(
        /The graph has no q_proj: expected projections by the names/,
      )
    })

    test('the folder is complete, and its manifest names the adapters', async () => {
      expect(manifest.id).toBe('adapted')
      expect(manifest.generation?.adapters).toEqual(['full', 'second'])
      expect(manifest.inputs).toContainEqual({ name: 'adapter_ids', type: 'int64', shape: [-1] })
      expect((await spillway('verify', at('adapted'))).code).toBe(0)
      const { out } = await spillway('adapt', at('base'), '--adapter', at('full'), '-o', at('printed'))
      expect(out).toContain('printed:full')
    })

    const refused = async (adapter: TestAdapter, message: RegExp) => {
      writeAdapter(at('refused'), adapter)
      const { code, err } = await spillway('adapt', at('base'), '--adapter', at('refused'), '-o', at('none'))
      expect(err).toMatch(message)
      expect(code).toBe(1)
    }
    const changed = (
      change: (tensors: Map<string, { shape: readonly number[]; values: Float32Array }>) => void,
    ) => {
      const tensors = new Map(attention.tensors)
      change(tensors)
      return { ...attention, tensors }
    }
    const name = 'base_model.model.model.layers.4.self_attn.q_proj.lora_'

    test('an adapter for another model is refused, and says which', async () => {
      const wide = {
        ...checkpoint,
        layers: checkpoint.layers.map((layer) => ({ ...layer, query: layer.up })),
      }
      await refused(
        randomAdapter(wide, { seed: 3, rank: 2, alpha: 2, roles: ['query'] }),
        /"refused" is for another model.*trained on karpathy\/stories260K/s,
      )
      const deep = { ...checkpoint, layers: [...checkpoint.layers, ...checkpoint.layers] }
      await refused(
        randomAdapter(deep, { seed: 3, rank: 2, alpha: 2, roles: ['query'] }),
        /is for another model.*got layers\.5\.q_proj/,
      )
      const shallow = changed((tensors) => {
        for (const side of ['A', 'B']) tensors.delete(`${name}${side}.weight`)
      })
      await refused(shallow, /is for another model: expected matrices for layers\.4\.q_proj, got none/)
    })

    test.each([
      ['use_dora', true],
      ['bias', 'all'],
      ['modules_to_save', ['lm_head']],
      ['fan_in_fan_out', true],
      ['init_lora_weights', 'pissa'],
      ['peft_type', 'LOHA'],
      ['a_later_setting', 3],
    ])('%s of %s is refused', (field, value) =>
      refused(
        { ...attention, config: { ...attention.config, [field]: value } },
        new RegExp(`this ${field} is not`),
      ),
    )

    test('tensors that are no pair of matrices of a projection are refused', async () => {
      await refused(
        changed((tensors) => tensors.delete(`${name}B.weight`)),
        /no tensor "model.*lora_B\.weight"/,
      )
      const matrix = { shape: [2, 2], values: new Float32Array(4) }
      await refused(
        changed((tensors) => tensors.set('base_model.model.lm_head.lora_A.weight', matrix)),
        /changes what is not supported.*got lm_head/,
      )
      await refused(
        { ...attention, config: { ...attention.config, r: 3 } },
        /rank of "model\.layers\.0\.self_attn\.q_proj" is another.*expected 3, got 2/,
      )
    })

    test('a folder without a model, without an adapter, or with adapters already is refused', async () => {
      const adapt = async (from: string, ...more: string[]) =>
        (await spillway('adapt', at(from), '--adapter', at('full'), ...more)).err
      expect(await adapt('full', '-o', at('none'))).toMatch(/no manifest\.json/)
      expect(await adapt('base', '-o', at('base'))).toMatch(/is the model itself/)
      expect(await adapt('adapted', '-o', at('none'))).toMatch(/has adapters already/)
      expect(await adapt('base', '--adapter', at('full'), '-o', at('none'))).toMatch(
        /Two adapters are named full/,
      )
      expect(await adapt('base', '--adapter', `x y=${at('full')}`, '-o', at('none'))).toMatch(/adapters/)
      writeFileSync(at('refused', 'adapter_config.json'), '{')
      const { err } = await spillway('adapt', at('base'), '--adapter', at('refused'), '-o', at('none'))
      expect(err).toMatch(/is not JSON/)
    })

    test('scales follow the patterns of modules, and the square root of the rank where asked', async () => {
      const patterns = { ...full, config: { ...full.config, lora_alpha: 1, alpha_pattern: { '.*_proj': 8 } } }
      const rooted = { ...full, config: { ...full.config, lora_alpha: 4, use_rslora: true } }
      writeAdapter(at('patterns'), patterns)
      writeAdapter(at('rooted'), rooted)
      const adapters = ['--adapter', at('patterns'), '--adapter', at('rooted')]
      await spillwayJson('adapt', at('base'), ...adapters, '-o', at('scaled'))
      const alone = await expected(['merged-full', 'merged-full'])
      const together = await logitsOf(at('scaled/fp32/model.onnx'), rows([1, 2]))
      expect(farthest(together, alone)).toBeLessThan(1e-4)
    })
  },
)
