import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ErrorCode, SpillwayError } from '../../models/core/index.ts'
import type { TextTarget } from '../../web/placement/router.ts'
import { generate, type PlacedPiece, type TextStream } from '../../web/text/generate.ts'
import { deviceSegment } from '../../web/text/stream-segments.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import type { ChatMessage, OutputForm, TextGenerator, TextRequest } from '../../workers/host/text/types.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { type Script, scriptedGenerator } from '../support/scripted-generator.ts'
import { tokenizerOf } from '../support/scripted-tokenizer.ts'
import { digitsManifest } from '../support/test-models.ts'

const story = 'Once there was a fox — a “red” one — who went 🦊 into the wood. The end of it.'
const prompt = 'Once'

const textGenerator = (
  script: Partial<Script> = {},
  contextLength = 200,
  output?: OutputForm,
): TextGenerator =>
  createTextGenerator({
    tokenizer: tokenizerOf(output),
    tokens: scriptedGenerator({ text: story, ...script }),
    contextLength,
    vocabulary: 0x80,
    defaults: {},
    clock: createManualClock(),
  })

const lost = () => new SpillwayError('lane_lost', 'The lane ended')

const decisionFor = (tier: 'device' | 'server'): TextTarget['decision'] => {
  const reason = { reason: 'preferred', explanation: `The ${tier} is next` } as const
  const [variant] = digitsManifest.variants
  return tier === 'server' || !variant
    ? { tier: 'server', ...reason }
    : { tier, ...reason, target: { backend: 'wasm', variant, explanation: '' } }
}

/** A text on places in turn: like the router, it goes on from one that fails to the next. */
function write(
  places: readonly { tier: 'device' | 'server'; generator: TextGenerator }[],
  request: TextRequest = { prompt },
  signal?: AbortSignal,
  closing = new AbortController().signal,
): TextStream {
  const turns = [...places]
  return generate(
    {
      clock: createManualClock(),
      closing,
      estimateSpill: () => undefined,
      wrote: () => {},
      createSegment: async () => deviceSegment(turns.shift()?.generator ?? expect.fail('no place is left')),
      router: {
        streamWithFailover: async (_manifest, options, _estimateSpill, attempt) => {
          let failure: unknown
          for (const { tier } of places) {
            try {
              return await attempt({
                decision: decisionFor(tier),
                session: undefined,
                signal: options.signal,
                markProgress: () => {},
              })
            } catch (cause) {
              failure = cause
            }
          }
          throw failure
        },
      },
    },
    digitsManifest,
    request,
    { policy: 'auto', signal },
  )
}

async function read(stream: TextStream): Promise<PlacedPiece[]> {
  const pieces: PlacedPiece[] = []
  for await (const piece of stream) pieces.push(piece)
  return pieces
}

const textOf = (pieces: readonly PlacedPiece[]) => pieces.map(({ text }) => text).join('')

describe('a text', () => {
  test('comes in pieces and as a whole', async () => {
    const stream = write([{ tier: 'device', generator: textGenerator() }])
    const pieces = await read(stream)
    expect(prompt + textOf(pieces)).toBe(story)
    const result = await stream.result
    expect(result).toMatchObject({
      text: textOf(pieces),
      finish: 'stop',
      usage: { promptTokens: 4, generatedTokens: [...story].length - 4 },
      placement: { tier: 'device', variant: 'scripted' },
    })
    expect(String.fromCodePoint(...result.tokens)).toBe(result.text)
  })

  test('goes on from its last token, whenever and however often its place fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 4, max: [...story].length - 1 }), { maxLength: 4 }),
        fc.option(fc.constantFrom('The end', 'wood.', 'never there'), { nil: undefined }),
        async (faults, stop) => {
          const failing = [...faults].sort((one, other) => one - other)
          const places = [...failing, undefined].map((at, index) => ({
            tier: index % 2 === 0 ? ('device' as const) : ('server' as const),
            generator: textGenerator({ fail: (place) => (place === at ? lost() : undefined) }),
          }))
          const undisturbed = write([{ tier: 'device', generator: textGenerator() }], { prompt, stop })
          const disturbed = write(places, { prompt, stop })
          const [one, other] = [await read(undisturbed), await read(disturbed)]
          expect(textOf(other)).toBe(textOf(one))
          expect((await disturbed.result).tokens).toEqual((await undisturbed.result).tokens)
          expect((await disturbed.result).usage).toEqual((await undisturbed.result).usage)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('keeps its thought apart wherever it moves', async () => {
    const answer = '<think>Is it a fox? It is. </think>\n\nIt is a fox.'
    const thinking = { text: `user: ?\n${answer}` }
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: thinking.text.length - 1 }), async (at) => {
        const places = [at, undefined].map((failing) => ({
          tier: 'device' as const,
          generator: textGenerator(
            { ...thinking, fail: (place) => (place === failing ? lost() : undefined) },
            200,
            { reasoning: { open: '<think>', close: '</think>' } },
          ),
        }))
        const stream = write(places, { messages: [{ role: 'user', content: '?' }] })
        const pieces = await read(stream)
        expect(pieces.map(({ reasoning = '' }) => reasoning).join('')).toBe('Is it a fox? It is.')
        expect(textOf(pieces)).toBe('It is a fox.')
        expect(pieces.every(({ text, reasoning }) => text === '' || reasoning === undefined)).toBe(true)
        expect(await stream.result).toMatchObject({
          text: 'It is a fox.',
          reasoning: 'Is it a fox? It is.',
          usage: { generatedTokens: answer.length },
        })
      }),
      { numRuns: 30 },
    )
  })

  test('has each call of a tool once wherever it moves', async () => {
    const call = '<tool_call>{"name":"look","arguments":{"at":"fox"}}</tool_call>'
    const script = `tools: [{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{}}}}]\nuser: ?\n`
    await fc.assert(
      fc.asyncProperty(fc.nat(2 * call.length + 3), async (at) => {
        const places = [script.length + at, undefined].map((failing) => ({
          tier: 'device' as const,
          generator: textGenerator(
            { text: `${script}So ${call}${call}`, fail: (place) => (place === failing ? lost() : undefined) },
            400,
            { tools: 'hermes' },
          ),
        }))
        const stream = write(places, { messages: [{ role: 'user', content: '?' }], tools: { look: {} } })
        const calls = (await read(stream)).flatMap(({ toolCalls = [] }) => toolCalls)
        expect(calls.map(({ function: { name } }) => name)).toEqual(['look', 'look'])
        expect(await stream.result).toMatchObject({ text: 'So', toolCalls: calls })
      }),
      { numRuns: 20 },
    )
  })

  test('keeps its seed and its count of tokens when it moves', async () => {
    const seen: { seed: number | undefined; generated: number; maxTokens: number }[] = []
    const onRequest: Script['onRequest'] = ({ sampling: { seed }, generated, maxTokens }) =>
      seen.push({ seed, generated, maxTokens })
    const places = [10, undefined].map((at) => ({
      tier: 'device' as const,
      generator: textGenerator({ onRequest, fail: (place) => (place === at ? lost() : undefined) }),
    }))
    const { tokens, finish } = await write(places, { prompt, maxTokens: 20 }).result
    expect(tokens).toHaveLength(20)
    expect(finish).toBe('length')
    expect(seen).toMatchObject([
      { generated: 0, maxTokens: 20 },
      { generated: 6, maxTokens: 14 },
    ])
    expect(seen[1]?.seed).toBe(seen[0]?.seed)
    expect(seen[0]?.seed).toBeTypeOf('number')
  })

  test('ends when its reader leaves the loop, and resolves to the text so far', async () => {
    const generator = textGenerator()
    const stream = write([{ tier: 'device', generator }])
    let text = ''
    for await (const piece of stream) {
      text += piece.text
      if (text.length > 8) break
    }
    const result = await stream.result
    expect(result.finish).toBe('stop')
    expect(story.slice(prompt.length).startsWith(result.text)).toBe(true)
    expect(generator.load.running).toBe(0)
  })

  test('rejects when its caller aborts it', async () => {
    const controller = new AbortController()
    const stream = write([{ tier: 'device', generator: textGenerator() }], { prompt }, controller.signal)
    const pieces = (async () => {
      for await (const _ of stream) controller.abort()
    })()
    await expect(pieces).rejects.toMatchObject({ code: 'aborted' })
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' })
  })

  test('rejects when the runtime is closed, on the server too, as does every later text', async () => {
    const closing = new AbortController()
    const places = [{ tier: 'server' as const, generator: textGenerator() }]
    const stream = write(places, { prompt }, undefined, closing.signal)
    const pieces = (async () => {
      for await (const _ of stream) closing.abort()
    })()
    await expect(pieces).rejects.toMatchObject({ code: 'closed' })
    await expect(stream.result).rejects.toMatchObject({ code: 'closed' })
    expect(places[0]?.generator.load.running).toBe(0)
    const later = write(places, { prompt }, undefined, closing.signal)
    await expect(later.result).rejects.toMatchObject({ code: 'closed' })
  })

  test('is generated to its end where its pieces are not read', async () => {
    const { text } = await write([{ tier: 'device', generator: textGenerator() }]).result
    expect(prompt + text).toBe(story)
  })

  test.each<[string, TextRequest, ErrorCode]>([
    ['no prompt', { prompt: '' }, 'input_value_invalid'],
    ['a prompt that is too long', { prompt: 'x'.repeat(200) }, 'context_exceeded'],
    ['a temperature below zero', { prompt, temperature: -1 }, 'input_value_invalid'],
    ['a topP that is not a number', { prompt, topP: Number.NaN }, 'input_value_invalid'],
    ['an empty stop string', { prompt, stop: [''] }, 'input_value_invalid'],
  ])('refuses %s', async (_title, request, code) => {
    await expect(
      write([{ tier: 'device', generator: textGenerator() }], request).result,
    ).rejects.toMatchObject({
      code,
    })
  })

  test('truncates the start of a prompt on request, once: it goes on from what was read', async () => {
    const prompts: string[] = []
    const onRequest: Script['onRequest'] = ({ prompt }) => prompts.push(String.fromCodePoint(...prompt))
    const places = [45, undefined].map((at) => ({
      tier: 'device' as const,
      generator: textGenerator({ onRequest, fail: (place) => (place === at ? lost() : undefined) }, 50),
    }))
    const whole = [...story].slice(0, 60)
    const tokens = whole.map((character) => character.codePointAt(0) ?? 0)
    for (const given of [{ prompt: whole.join('') }, { tokens }]) {
      const { usage } = await write(places, { ...given, truncation: 'start', maxTokens: 10 }).result
      expect(usage).toMatchObject({ promptTokens: 40, generatedTokens: 10 })
      const [first = '', second = ''] = prompts.splice(0)
      expect(first).toBe(whole.slice(-40).join(''))
      expect(second).toBe(first + [...story].slice(40, 45).join(''))
    }
  })

  test('goes without the oldest turns of a long chat on request, and on elsewhere from the same prompt', async () => {
    const prompts: string[] = []
    const onRequest: Script['onRequest'] = ({ prompt }) => prompts.push(String.fromCodePoint(...prompt))
    const say = (role: ChatMessage['role'], content: string): ChatMessage => ({ role, content })
    const turns = Array.from({ length: 10 }, (_, at) => say(at % 2 ? 'assistant' : 'user', `Turn ${at}`))
    const messages = [say('system', 'Be brief.'), ...turns, say('user', 'And now?')]
    const places = [102, undefined].map((at) => ({
      tier: 'device' as const,
      generator: textGenerator(
        { text: 'x'.repeat(300), onRequest, fail: (place) => (place === at ? lost() : undefined) },
        120,
      ),
    }))
    const chat = { messages, maxTokens: 20 }
    await expect(write(places, chat).result).rejects.toMatchObject({ code: 'context_exceeded' })
    const { droppedMessages, usage } = await write(places, { ...chat, truncation: 'auto' }).result
    expect(droppedMessages).toBe(6)
    const kept = [...messages.slice(0, 1), ...messages.slice(7)]
    const prompt = kept.map(({ role, content }) => `${role}: ${content}\n`).join('')
    expect(prompts).toEqual([prompt, prompt + 'x'.repeat(102 - prompt.length)])
    expect(usage).toMatchObject({ promptTokens: prompt.length, generatedTokens: 20 })
    const short = write(places.slice(1), { messages: messages.slice(-1), truncation: 'auto' })
    expect(await short.result).not.toHaveProperty('droppedMessages')
    const long = { messages: [say('user', 'x'.repeat(120))], truncation: 'auto' } as const
    await expect(write(places, long).result).rejects.toMatchObject({
      code: 'context_exceeded',
      message: expect.stringContaining('last turn'),
    })
  })
})
