import type { Model } from '../../web/api/model.ts'
import type { TextTarget } from '../../web/placement/router.ts'
import { generate } from '../../web/text/generate.ts'
import { deviceSegment } from '../../web/text/stream-segments.ts'
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
}

/** A page's model whose texts a scripted generator writes on the device. */
export function scriptedModel({
  output,
  tokenizer = tokenizerOf(output),
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
  const decision: TextTarget['decision'] = {
    tier: 'device',
    reason: 'preferred',
    explanation: 'The device is next',
    target: { backend: 'wasm', variant, explanation: '' },
  }
  const options: Parameters<typeof generate>[0] = {
    clock,
    closing: new AbortController().signal,
    estimateSpill: () => undefined,
    wrote: () => {},
    createSegment: async () => deviceSegment(generator),
    router: {
      streamWithFailover: (_manifest, { signal }, _move, attempt) =>
        attempt({ decision, session: undefined, signal, markProgress: () => {} }),
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
