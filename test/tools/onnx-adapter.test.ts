import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import { readOnnxAdapter } from '../../models/tools/adapt/onnx-adapter.ts'
import { parseVariant } from '../../models/tools/import/build-variant.ts'
import { writeFolder } from '../../models/tools/import/folder.ts'
import { openCheckpoint } from '../../models/tools/import/import.ts'
import { readManifest } from '../../models/tools/manifest/write.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { floatsOf } from '../../models/tools/onnx/values.ts'
import { allRoles, randomAdapter, type TestAdapter, writeAdapter } from '../support/lora.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { mutate, mutations } from './support/mutate.ts'
import { type OnnxParameter, onnxParameters, writeOnnxAdapter } from './support/onnx-adapter.ts'
import { published } from './support/real-models.ts'

describe.skipIf(withoutTestModels)(
  `adapters of stories260k in onnxruntime’s format${withoutTestModels ? `: ${withoutTestModels}` : ''}`,
  () => {
    let folder: string
    let full: TestAdapter
    let attention: TestAdapter
    const at = (...parts: string[]) => join(folder, ...parts)

    beforeAll(async () => {
      folder = await emptyFolder()
      const opened = openCheckpoint(published('stories260k', 'stories260K.bin'), undefined)
      full = randomAdapter(opened.checkpoint, { seed: 1, rank: 4, alpha: 8, roles: allRoles })
      attention = randomAdapter(opened.checkpoint, { seed: 2, rank: 2, alpha: 4, roles: ['query', 'value'] })
      writeAdapter(at('full'), full)
      const variants = ['fp32'].flatMap((id) => parseVariant(id) ?? [])
      await writeFolder(at('base'), opened, { id: 'base', title: 'base', context: 512, variants })
    })

    const adapt = (out: string) =>
      spillway('adapt', at('base'), '--adapter', at('full.onnx_adapter'), '-o', at(out))
    const write = (parameters: readonly OnnxParameter[], version = 1) =>
      writeOnnxAdapter(at('full.onnx_adapter'), parameters, version)

    test.each([
      ['Olive’s names', (name: string) => name],
      [
        'the names of graphs',
        (name: string) => name.replace('.self_attn.', '.attn.').replace('.weight', '.MatMul.weight'),
      ],
    ])('an adapter by %s makes the graph that PEFT’s folder makes', async (_what, rename) => {
      const parameters = onnxParameters(full)
      write(parameters.map((parameter) => ({ ...parameter, name: rename(parameter.name) })))
      const { files } = (
        await spillwayJson<Manifest>('adapt', at('base'), '--adapter', at('full'), '-o', at('peft'))
      ).variants[0] ?? { files: [] }
      const { code, err } = await adapt('onnx')
      expect([code, err]).toEqual([0, expect.anything()])
      const written = readManifest(at('onnx'))
      expect(written?.generation?.adapters).toEqual(['full'])
      expect(written?.variants[0]?.files).toEqual(files)
    })

    test('what is damaged, of another version, quantized or no pair of matrices is refused', async () => {
      const parameters = onnxParameters(attention)
      const [first, ...others] = parameters
      if (!first) throw new Error('The adapter has no parameters')
      const refused = async (given: readonly OnnxParameter[], message: RegExp, version?: number) => {
        write(given, version)
        const { code, err } = await adapt('none')
        expect(err).toMatch(message)
        expect(code).toBe(1)
      }
      await refused(parameters, /another version of the format: expected 1, got 2/, 2)
      await refused([], /holds no adapter/)
      await refused([first, first, ...others], /has two parameters/)
      await refused(others, /no tensor "model\.layers\.0/)
      await refused([{ ...first, type: DataType.UINT8 }, ...others], /is not of floats.*got UINT8/s)
      await refused([{ ...first, dims: [3, 3] }, ...others], /data of .* is incomplete.*expected 36 bytes/s)
      await refused([{ ...first, dims: [-1, 3] }, ...others], /negative dimension/)
      const quantized = first.name.replace('.weight', '.quant.weight')
      await refused([{ ...first, name: quantized }, ...others], /not supported.*as floats, got .*quant/s)

      write(parameters)
      const whole = readFileSync(at('full.onnx_adapter'))
      for (const length of [0, 7, 40, 400, whole.length - 16]) {
        writeFileSync(at('full.onnx_adapter'), whole.subarray(0, length))
        expect((await adapt('none')).err).toMatch(/is damaged|is not an adapter of onnxruntime|incomplete/)
      }
    })

    test('bytes that were changed at random end in an adapter or in an error that says what is wrong', () => {
      write(onnxParameters(attention))
      const whole = readFileSync(at('full.onnx_adapter'))
      fc.assert(
        fc.property(mutations(Array.from(whole.keys())), (changes) => {
          writeFileSync(at('full.onnx_adapter'), mutate(whole, changes))
          try {
            const { parts } = readOnnxAdapter('changed', at('full.onnx_adapter'))
            for (const { a, b } of parts.values()) for (const weight of [a, b]) floatsOf(weight)
          } catch (error) {
            expect(error).toBeInstanceOf(SpillwayError)
          }
        }),
        { numRuns: 300 },
      )
    })
  },
)
