import { AsyncQueue } from '../../models/async/async-queue.ts'
import type { Clock } from '../../models/async/clock.ts'
import type { ChatMessage, Usage, WrittenCall } from '../../workers/host/text/types.ts'
import type { PlacementOptions } from '../placement/placement-resolver.ts'
import { answerCall } from './answer-call.ts'
import { createCancellation } from './cancellation.ts'
import type { PlacedPiece, PlacedResult, TextStream } from './generate.ts'
import { type CheckedRequest, checkGenerateRequest, type GenerateRequest } from './tools.ts'

export interface ToolLoopOptions {
  /** Writes one text. */
  readonly write: (request: CheckedRequest['request'], options: PlacementOptions) => TextStream
  readonly clock: Clock
  /** Fires when the runtime is closed. */
  readonly closing: AbortSignal
}

/** Writes the text of a request, or several where the page runs its tools. @throws SpillwayError As `checkGenerateRequest`. */
export function generateRequest(
  loop: ToolLoopOptions,
  given: GenerateRequest,
  options: PlacementOptions,
): TextStream {
  const checked = checkGenerateRequest(given)
  return Object.values(checked.tools).some((tool) => tool?.execute)
    ? generateWithTools(loop, checked, options)
    : loop.write(checked.request, options)
}

/**
 * Writes texts until one calls no tool: after each, its calls are run and their results are added to the chat. The pieces
 * of all texts are one stream. The result is that of the last text.
 */
function generateWithTools(
  loop: ToolLoopOptions,
  checked: CheckedRequest,
  options: PlacementOptions,
): TextStream {
  const reader = new AbortController()
  const pieces = new AsyncQueue<PlacedPiece>(() => reader.abort())
  const result = writeTexts(loop, checked, options, pieces, reader.signal)
  result.then(
    () => pieces.end(),
    (error) => pieces.fail(error),
  )
  return { result, [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator]() }
}

/** @param readerLeft Fires when the reader leaves its loop: the text so far is then the last one. */
async function writeTexts(
  { write, clock, closing }: ToolLoopOptions,
  { request, tools, maxSteps }: CheckedRequest,
  options: PlacementOptions,
  pieces: AsyncQueue<PlacedPiece>,
  readerLeft: AbortSignal,
): Promise<PlacedResult> {
  const startedAt = clock.now()
  const cancellation = createCancellation(clock, options, closing)
  const running = createCancellation(clock, { signal: cancellation.signal }, closing, readerLeft)
  const isOpen = ({ function: { name } }: WrittenCall) =>
    Object.hasOwn(tools, name) && tools[name]?.execute === undefined
  const messages: ChatMessage[] = []
  let first: PlacedResult | undefined
  let usage: Usage | undefined
  try {
    for (let step = 1; ; step++) {
      const asked = step === 1 ? request : laterRequest(request, messages)
      const deadlineMs = cancellation.remainingMs()
      const stream = write(asked, { ...options, signal: cancellation.signal, deadlineMs })
      for await (const piece of stream) {
        pieces.push(piece)
        if (readerLeft.aborted) break
      }
      const result = await stream.result
      first ??= result
      usage = sumOf(usage, result.usage)
      messages.push(messageOf(result))
      const calls = result.toolCalls ?? []
      const isLast =
        readerLeft.aborted ||
        !request.messages ||
        calls.length === 0 ||
        result.finish !== 'stop' ||
        step === maxSteps
      const last = (): PlacedResult => ({
        ...result,
        usage: usage ?? result.usage,
        timings: {
          ...result.timings,
          firstTokenMs: first?.timings.firstTokenMs ?? 0,
          totalMs: clock.now() - startedAt,
        },
        messages,
      })
      if (isLast || calls.some(isOpen)) return last()
      try {
        messages.push(
          ...(await Promise.all(calls.map((call) => answerCall(tools, call, running.signal, clock)))),
        )
      } catch (cause) {
        if (readerLeft.aborted && !cancellation.signal.aborted) return last()
        throw cause
      }
    }
  } catch (cause) {
    throw cancellation.error() ?? cause
  } finally {
    running.release()
    cancellation.release()
  }
}

/** The call that a request demands was made. */
function laterRequest(
  { toolChoice: _, ...request }: CheckedRequest['request'],
  messages: readonly ChatMessage[],
): CheckedRequest['request'] {
  return request.messages ? { ...request, messages: [...request.messages, ...messages] } : request
}

const messageOf = ({ text, reasoning, toolCalls }: PlacedResult): ChatMessage => ({
  role: 'assistant',
  content: text,
  ...(reasoning !== undefined && { reasoning_content: reasoning }),
  ...(toolCalls && { tool_calls: toolCalls }),
})

const sumOf = (one: Usage | undefined, other: Usage): Usage => ({
  promptTokens: (one?.promptTokens ?? 0) + other.promptTokens,
  generatedTokens: (one?.generatedTokens ?? 0) + other.generatedTokens,
  cachedTokens: (one?.cachedTokens ?? 0) + other.cachedTokens,
  reasoningTokens: (one?.reasoningTokens ?? 0) + other.reasoningTokens,
})
