/** The public types of text generation, asserted as in `public-api.test-d.ts`. */
import { assertType, expectTypeOf } from 'vitest'
import type {
  FinishReason,
  GeneratedToken,
  GenerateRequest,
  GenerationStream,
  Model,
  PlacedPiece,
  PlacedResult,
  Placement,
  Policy,
  RequestOptions,
  TextRequest,
  Usage,
} from '../../web/api/index.ts'
import type { Same } from './same.ts'

declare const model: Model

assertType<
  Same<Parameters<Model['generate']>, [request: GenerateRequest, options?: RequestOptions | undefined]>
>(true)
assertType<GenerateRequest>({} as TextRequest)
expectTypeOf(model.generate).returns.toEqualTypeOf<GenerationStream>()
model.generate({ prompt: 'Once', maxTokens: 64, seed: 7, temperature: 0.8, topK: 40, topP: 0.9, minP: 0.1 })
model.generate({ messages: [{ role: 'user', content: 'Hello' }], stop: ['\n'], logprobs: 3 })
model.generate({ tokens: [1, 2, 3], stop: '\n', truncation: 'start', ignoreStopTokens: true })
model.generate({
  messages: [{ role: 'user', content: 'Hello' }],
  truncation: 'auto',
  maxSteps: 3,
  tools: {
    weather: {
      description: 'Tells the weather',
      parameters: { type: 'object', properties: { at: { type: 'string' } } },
      execute: async ({ at }: { at: string }, { signal }) => fetch(at, { signal }),
    },
  },
})
// @ts-expect-error A tool's schema is `parameters`.
model.generate({ messages: [{ role: 'user', content: 'Hello' }], tools: { f: { inputSchema: {} } } })
// @ts-expect-error A request says what is continued.
model.generate({ maxTokens: 64 })
// @ts-expect-error Two prompts at once.
model.generate({ prompt: 'Once', messages: [{ role: 'user', content: 'Hello' }] })
// @ts-expect-error Two prompts at once.
model.generate({ prompt: 'Once', tokens: [1, 2, 3] })
// @ts-expect-error Two prompts at once.
model.generate({ tokens: [1, 2, 3], messages: [{ role: 'user', content: 'Hello' }] })
// @ts-expect-error A role that chats do not have.
model.generate({ messages: [{ role: 'narrator', content: 'Hello' }] })
// @ts-expect-error The word for an error is `disabled`.
model.generate({ prompt: 'Once', truncation: 'error' })
// @ts-expect-error Sampling parameters have one spelling: topK.
model.generate({ prompt: 'Once', top_k: 40 })

export async function readsAStream(stream: GenerationStream): Promise<void> {
  for await (const piece of stream) {
    expectTypeOf(piece).toEqualTypeOf<PlacedPiece>()
    expectTypeOf(piece.text).toBeString()
    expectTypeOf(piece.reasoning).toEqualTypeOf<string | undefined>()
    expectTypeOf(piece.tokens).toEqualTypeOf<readonly GeneratedToken[]>()
    expectTypeOf(piece.placement).toEqualTypeOf<Placement>()
  }
  expectTypeOf(stream.move).toEqualTypeOf<(policy: Policy) => void>()
  const result = await stream.result
  expectTypeOf(result).toEqualTypeOf<PlacedResult>()
  expectTypeOf(result.text).toBeString()
  expectTypeOf(result.tokens).toEqualTypeOf<readonly number[]>()
  expectTypeOf(result.finish).toEqualTypeOf<FinishReason>()
  expectTypeOf(result.droppedMessages).toEqualTypeOf<number | undefined>()
  expectTypeOf(result.usage).toEqualTypeOf<Usage>()
  expectTypeOf(result.placement).toEqualTypeOf<Placement>()
  expectTypeOf(result.timings).toEqualTypeOf<
    { readonly queueMs: number; readonly firstTokenMs: number; readonly perTokenMs: number } & {
      readonly totalMs: number
    }
  >()
}
expectTypeOf<FinishReason>().toEqualTypeOf<'stop' | 'length'>()
expectTypeOf<Usage>().toEqualTypeOf<{
  readonly promptTokens: number
  readonly generatedTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
}>()
