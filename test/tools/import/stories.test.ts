import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ComparisonReport } from '../../../models/cli/output/compare.ts'
import type { QuantizeReport } from '../../../models/cli/output/quantize.ts'
import type { Manifest } from '../../../models/core/index.ts'
import type { InspectReport } from '../../../models/tools/inspect/report.ts'
import { readModel } from '../../../models/tools/onnx/read.ts'
import { ortRuntime } from '../../../models/tools/run-model/ort.ts'
import { emptyFolder, withoutTestModels } from '../../support/test-models.ts'
import { spillway, spillwayJson } from '../support/command.ts'
import { decoderFeeds } from '../support/decoder.ts'
import { published } from '../support/real-models.ts'

const stories = (name: string) => published('stories260k', name)
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

describe.skipIf(withoutTestModels)(
  `import of stories260k${withoutTestModels ? `: ${withoutTestModels}` : ''}`,
  () => {
    let folder: string
    let manifest: Manifest
    let reference: { token_ids: number[]; logits_first16: number[][] }
    const variants = ['fp32', 'q4', 'q4-wasm', 'q8', 'q8-wasm', 'fp16-cpu']
    beforeAll(async () => {
      folder = join(await emptyFolder(), 'stories')
      reference = json(stories('reference.json'))
      const checkpoint = [stories('stories260K.bin'), '--tokenizer', stories('tok512.bin')]
      manifest = await spillwayJson<Manifest>('import', ...checkpoint, '--to', ...variants, '-o', folder)
    })

    const file = (id: string) =>
      join(folder, manifest.variants.find((one) => one.id === id)?.files[0]?.path ?? '')

    async function firstLogits(id: string, backend: 'cpu' | 'wasm') {
      const path = file(id)
      const session = await ortRuntime.load(path, { backend, threads: 1 })
      const { logits } = await session.run(decoderFeeds(readModel(path), reference.token_ids.slice(0, 16)))
      await session.release()
      if (!logits) throw new Error('no logits')
      return { shape: logits.shape, data: Float32Array.from(logits.data as Float32Array) }
    }

    test.each(['cpu', 'wasm'] as const)('fp32 gives the logits of the reference on %s', async (backend) => {
      const { shape, data } = await firstLogits('fp32', backend)
      expect(shape).toEqual([1, 16, 512])
      const expected = reference.logits_first16.flat()
      expect(
        Math.max(...data.map((one, index) => Math.abs(one - (expected[index] ?? Number.NaN)))),
      ).toBeLessThan(1e-3)
    })

    test.each([
      ['q8', 'cpu', 16],
      ['q8-wasm', 'wasm', 16],
      ['fp16-cpu', 'cpu', 16],
      ['q4', 'cpu', 13],
      ['q4-wasm', 'wasm', 13],
    ] as const)('%s on %s thinks of the same next tokens', async (id, backend, least) => {
      const { data } = await firstLogits(id, backend)
      const same = reference.logits_first16.filter((row, index) => {
        const got = [...data.subarray(index * 512, (index + 1) * 512)]
        return got.indexOf(Math.max(...got)) === row.indexOf(Math.max(...row))
      })
      expect(same.length).toBeGreaterThanOrEqual(least)
    })

    test('fp32 goes through inspect, quantize and compare', async () => {
      const full = file('fp32')
      const { batch, operators } = await spillwayJson<InspectReport>('inspect', full)
      expect(batch.batchable).toBe(true)
      expect(operators.every(({ runs }) => runs)).toBe(true)
      expect(operators).toContainEqual({
        operator: 'com.microsoft.GroupQueryAttention',
        count: 5,
        onGpu: 5,
        onWasm: true,
        onCpu: true,
        runs: true,
        inBrowsers: true,
      })

      const tokens = reference.token_ids.slice(0, 16)
      const samples = join(folder, 'samples.json')
      const plain = Object.entries(decoderFeeds(readModel(full), tokens)).map(([name, { shape, data }]) => [
        name,
        { shape, data: Array.from<unknown, number>(data, Number) },
      ])
      writeFileSync(samples, JSON.stringify([Object.fromEntries(plain)]))
      for (const [precision, backend, size, cosine, top] of [
        ['q8', 'wasm', 0.35, 0.9995, 16],
        ['q4', 'wasm', 0.25, 0.99, 13],
        ['q4', 'webgpu', 0.25, 0.99, 13],
      ] as const) {
        const what = `${precision} for ${backend}`
        const out = join(await emptyFolder(), `${precision}.onnx`)
        const made = ['--to', precision, '--for', backend, '-o', out]
        const { before, after } = await spillwayJson<QuantizeReport>('quantize', full, ...made)
        expect(after / before, what).toBeLessThan(size)
        const on = backend === 'wasm' ? 'cpu,wasm' : 'cpu'
        const report = await spillwayJson<ComparisonReport>(
          'compare',
          full,
          out,
          '--samples',
          samples,
          '--on',
          on,
        )
        const logits = report.outputs.find(({ output }) => output === 'logits')
        expect(logits?.cosine, what).toBeGreaterThan(cosine)
        expect(logits?.top?.of, what).toBe(16)
        expect(logits?.top?.same, what).toBeGreaterThanOrEqual(top)
        expect(report.times.map(({ backend }) => backend).join()).toBe(on)
      }
    })

    test('stores the tied embedding once', () => {
      const tables = [...readModel(file('fp32')).weights.values()].filter(
        ({ dims }) => dims.includes(512) && dims.includes(64),
      )
      expect(tables.map(({ name }) => name)).toEqual(['embedding'])
    })

    test('writes a tokenizer that encodes and decodes as llama2.c does', () => {
      const tokenizer = new Tokenizer(
        json(join(folder, 'tokenizer.json')),
        json(join(folder, 'tokenizer_config.json')),
      )
      const { cases }: { cases: { prompt: string; prompt_ids: number[]; ids: number[]; text: string }[] } =
        json(stories('prompts.json'))
      for (const { prompt, prompt_ids, ids, text } of cases) {
        expect(tokenizer.encode(prompt).ids).toEqual(prompt_ids)
        expect(tokenizer.decode(prompt_ids, { skip_special_tokens: true })).toBe(prompt)
        const whole = tokenizer.decode([...prompt_ids, ...ids], { skip_special_tokens: true })
        expect(whole.replace(/\s/g, '')).toBe((prompt + text).replace(/\s/g, ''))
      }
      const strange = 'Ünï — 日本 🦙\n\ttabs'
      expect(tokenizer.decode(tokenizer.encode(strange).ids, { skip_special_tokens: true })).toBe(strange)
    })

    test('prints what it made', async () => {
      const { out } = await spillway('import', stories('stories260K.bin'), '-o', folder)
      expect(out).toContain('512 tokens')
      expect(manifest).toMatchObject({
        id: 'stories',
        task: 'text-generation',
        generation: { context: 512, vocabulary: 512, stopTokens: [1, 2] },
      })
      expect(manifest.variants.map(({ id, backends }) => [id, backends])).toEqual([
        ['fp32', undefined],
        ['q4', ['webgpu', 'cpu', 'cuda']],
        ['q4-wasm', ['wasm']],
        ['q8', ['webgpu', 'cpu', 'cuda']],
        ['q8-wasm', ['wasm']],
        ['fp16-cpu', ['cpu']],
      ])
    })
  },
)
