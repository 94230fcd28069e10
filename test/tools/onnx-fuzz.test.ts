import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { inspect } from '../../models/tools/inspect/report.ts'
import type { Model } from '../../models/tools/onnx/model.ts'
import { parseModel } from '../../models/tools/onnx/read.ts'
import { modelBytes } from '../../models/tools/onnx/save.ts'
import { weightBytes } from '../../models/tools/onnx/weight.ts'
import { withoutTestModels } from '../support/test-models.ts'
import { cpuMs } from './support/cpu-time.ts'
import { mutate, mutations, structureOf } from './support/mutate.ts'
import { nameOf, realModels } from './support/real-models.ts'

const cases = 12_000
const published = withoutTestModels ? ` (ours only: ${withoutTestModels})` : ''

/** What a reader may do with a file: give a model whose every tensor can be read, or say what is wrong. */
function readWhole(file: Uint8Array): Model | SpillwayError {
  try {
    const model = parseModel(file, '/nowhere')
    inspect(model, 'model.onnx', file.length, new Map())
    for (const weight of model.weights.values()) {
      if (weight.bytes().length !== weightBytes(weight))
        throw new Error(`"${weight.name}" has the wrong size`)
    }
    return model
  } catch (cause) {
    if (cause instanceof SpillwayError && /^(model_invalid|file_missing|file_truncated)$/.test(cause.code))
      return cause
    throw cause
  }
}

describe(`${cases} mutated files${published}`, () => {
  test.each(realModels.map((path) => [nameOf(path), path]))(
    'of %s are read and inspected, or refused, each within a second',
    (_name, path) => {
      const file = new Uint8Array(readFileSync(path))
      const outcomes = { read: 0, refused: 0 }
      fc.assert(
        fc.property(mutations(structureOf(file)), (changes) => {
          const mutated = mutate(file, changes)
          const started = cpuMs()
          const result = readWhole(mutated)
          expect(cpuMs() - started).toBeLessThan(1_000)
          outcomes[result instanceof SpillwayError ? 'refused' : 'read']++
          // What was read can be written and read again; a sample of them, for it costs more than reading.
          if (!(result instanceof SpillwayError) && outcomes.read % 20 === 0) readWhole(modelBytes(result))
        }),
        // The same cases each time; a slow one is told at once: looking for a smaller one like it takes minutes.
        { numRuns: Math.ceil(cases / realModels.length), seed: 1, endOnFailure: true },
      )
      expect(outcomes.read).toBeGreaterThan(0)
      expect(outcomes.refused).toBeGreaterThan(0)
    },
    300_000,
  )
})
