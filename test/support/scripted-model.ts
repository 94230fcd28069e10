import type { Model } from '../../web/api/model.ts'
import type { TextTarget } from '../../web/placement/router.ts'
import { generate } from '../../web/text/generate.ts'
import { deviceSegment, type StreamSegment } from '../../web/text/stream-segments.ts'
import { generateRequest, type ToolLoopOptions } from '../../web/text/tool-loop.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import type { OutputForm, Tokenizer } from '../../workers/host/text/types.ts'
import { createManualClock } from './manual-clock.ts'
import { type Script, scriptedContext, scriptedGenerator } from './scripted-generator.ts'
import { tokenizerOf } from './scripted-tokenizer.ts'
import { digitsManifest } from './test-models.ts'

export interface ScriptedModelOptions extends Partial<Script> {
  readonly output?: OutputForm
  readonly tokenizer?: Tokenizer
  /** Where a text goes on when the device fails. */
  readonly elsewhere?: StreamSegment
}

/** A page's model whose texts a scripted generator writes on the device. */
export function scriptedModel({
  output,
  tokenizer = tokenizerOf(output),
  elsewhere,
  ...script
}: ScriptedModelOptions): Pick<Model, 'generate'> {
  const clock = createManualClock()
  const generator = createTextGenerator({
    tokenizer,
    tokens: scriptedGenerator({ text: '', ...script }),
    contextLength: scriptedContext,
    vocabulary: 0x80,
    defaults: {},
    clock,
  })
  const [variant] = digitsManifest.variants
  if (!variant) throw new Error('The manifest has no variant')
  const reason = { reason: 'preferred', explanation: 'It is next' } as const
  const decisions: TextTarget['decision'][] = [
    { tier: 'device', ...reason, target: { backend: 'wasm', variant, explanation: '' } },
    { tier: 'server', ...reason },
  ]
  const segments = elsewhere ? [deviceSegment(generator), elsewhere] : [deviceSegment(generator)]
  const options: Parameters<typeof generate>[0] = {
    clock,
    closing: new AbortController().signal,
    estimateSpill: () => undefined,
    wrote: () => {},
    createSegment: async ({ decision }) => segments[decisions.indexOf(decision)] ?? deviceSegment(generator),
    router: {
      streamWithFailover: async (_manifest, { signal }, _move, attempt) => {
        let failure: unknown
        for (const decision of decisions.slice(0, segments.length)) {
          try {
            return await attempt({ decision, session: undefined, signal, markProgress: () => {} })
          } catch (cause) {
            failure = cause
          }
        }
        throw failure
      },
    },
  }
  const { closing } = options
  const write: ToolLoopOptions['write'] = (request, placement) =>
    generate(options, digitsManifest, request, placement)
  return {
    generate: (request, { signal } = {}) => ({
      ...generateRequest({ write, clock, closing }, request, { policy: 'auto', signal }),
      move: () => {},
    }),
  }
}
