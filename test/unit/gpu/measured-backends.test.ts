import { describe, expect, test } from 'vitest'
import type { Backend } from '../../../models/core/index.ts'
import type { CatalogueEntry } from '../../../server/inference/catalogue.ts'
import { BackendMeasurements } from '../../../server/inference/gpu/measure-backends.ts'
import { ModelBackends } from '../../../server/inference/gpu/model-backends.ts'
import type { TokenGenerator } from '../../../workers/host/text/types.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { modelSpec } from '../../support/manual-pool.ts'
import { digitsManifest } from '../../support/test-models.ts'

const variants = digitsManifest.variants.map(({ backends: _, ...variant }) => variant)
const entry: CatalogueEntry = { manifest: { ...digitsManifest, variants }, folder: '' }
const generation = { context: 64, vocabulary: 100, stopTokens: [0], kv: { layers: 1, heads: 1, headDim: 1 } }
const language: CatalogueEntry = { manifest: { ...entry.manifest, generation }, folder: '' }

describe('The backend of a model', () => {
  const gpu = { isOut: false }
  const choice = () => new ModelBackends(['webgpu', 'cpu'], gpu)

  test('is the CPU until it is chosen, and the one that is faster at full load from then on', () => {
    const backends = choice()
    expect(backends.of(entry)).toBe('cpu')
    const cpu = { backend: 'cpu', oneMs: 1, fullMs: 1 } as const
    expect(backends.choose(entry, [{ backend: 'webgpu', oneMs: 5, fullMs: 0.5 }, cpu])).toBe('webgpu')
    expect(backends.choose(entry, [{ backend: 'webgpu', oneMs: 0.5, fullMs: 0.9 }, cpu])).toBe('cpu')
    expect(backends.choose(entry, [cpu])).toBe('cpu')
  })

  test('is the CPU while no GPU works, where it has a variant for it', () => {
    const backends = choice()
    const onlyGpu = {
      manifest: {
        ...entry.manifest,
        variants: variants.map((one) => ({ ...one, backends: ['webgpu' as const] })),
      },
      folder: '',
    }
    backends.choose(entry, [{ backend: 'webgpu', oneMs: 1, fullMs: 1 }])
    gpu.isOut = true
    expect(backends.of(entry)).toBe('cpu')
    expect(backends.of(onlyGpu)).toBe('webgpu')
    gpu.isOut = false
    expect(backends.of(entry)).toBe('webgpu')
    expect(backends.candidatesOf(onlyGpu)).toEqual(['webgpu'])
  })
})

describe('A measurement of backends', () => {
  /** Lanes that take so long for a run, or for a step of so many texts. */
  function measurements(msOf: (backend: Backend, size: number) => number, failing: readonly Backend[] = []) {
    const clock = createManualClock()
    const backends = new ModelBackends(['webgpu', 'cpu'], { isOut: false })
    const unloaded: string[] = []
    const pass = async (ms: number) => {
      const passed = new Promise<void>((resolve) => clock.after(ms, resolve))
      clock.advance(ms)
      await passed
    }
    const generatorOf = (_entry: CatalogueEntry, backend: Backend): TokenGenerator => {
      let running = 0
      return {
        executedOn: { backend, variant: 'fp32' },
        load: { slots: 4, running: 0, waiting: 0, kvUsage: 0 },
        generate: ({ maxTokens }) => {
          running++
          const tokens = async function* () {
            for (let token = 0; token < maxTokens; token++) {
              // Each text waits its share of a step.
              await pass(msOf(backend, running) / running)
              yield [{ token }]
            }
            running--
          }
          return { [Symbol.asyncIterator]: tokens, result: new Promise(() => {}) }
        },
      }
    }
    const measurement = new BackendMeasurements({
      backends,
      clock,
      slots: 4,
      generatorOf,
      specOf: (_entry, backend) => ({ ...modelSpec(backend), manifest: _entry.manifest, backend }),
      unload: async ({ backend }) => void unloaded.push(backend),
      scheduler: {
        prepare: async ({ backend }) => {
          if (failing.includes(backend)) throw new Error(`${backend} fails`)
        },
        submit: async ({ source, rows }) => ({ costMs: msOf(source.backend, rows) }),
      },
    })
    return { backends, measurement, unloaded }
  }

  test('compares full batches, and unloads the model from the others', async () => {
    const { backends, measurement, unloaded } = measurements((backend, rows) =>
      backend === 'webgpu' ? 5 + rows * 0.01 : rows,
    )
    await measurement.measure(entry)
    expect(backends.of(entry)).toBe('webgpu')
    expect(unloaded).toEqual(['cpu'])
    const [gpu, cpu] = backends.measuredOf(entry)
    expect(gpu?.oneMs).toBeCloseTo(5.01)
    expect(cpu?.fullMs).toBeCloseTo(1)
  })

  test('compares the tokens a second of as many texts as there are slots', async () => {
    const { backends, measurement } = measurements((backend, texts) =>
      backend === 'webgpu' ? 20 : 10 * texts,
    )
    await measurement.measure(language)
    expect(backends.of(language)).toBe('webgpu')
    const [gpu, cpu] = backends.measuredOf(language)
    expect(gpu?.oneMs).toBeCloseTo(20)
    expect(cpu?.oneMs).toBeCloseTo(10)
    expect(gpu?.fullMs).toBeLessThan(cpu?.fullMs ?? 0)
  })

  test('passes over a backend that cannot load the model, and fails where none can', async () => {
    const one = measurements(() => 1, ['webgpu'])
    await one.measurement.measure(entry)
    expect(one.backends.of(entry)).toBe('cpu')
    await expect(measurements(() => 1, ['webgpu', 'cpu']).measurement.measure(entry)).rejects.toThrow('fails')
  })
})
