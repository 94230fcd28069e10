import type { Placement, Policy, Tier } from '../../../models/core/placement.ts'
import type { ChatMessage } from '../../../workers/host/text/types.ts'
import type { Model } from '../../api/model.ts'
import type { PlacedPiece } from '../../text/generate.ts'

/** Text that one place wrote. */
export interface Run {
  readonly tier: Tier
  text: string
}

/** An answer as it is written. */
export class Answer {
  /** In their order: a text that has moved has several. */
  readonly runs: Run[] = []
  reasoning = ''
  tokens = 0
  placement: Placement | undefined
  /** Tokens a second, once it is complete. */
  perSecond: number | undefined
  /** Messages that the model did not read, once it is complete. */
  droppedMessages = 0

  get text(): string {
    return this.runs.map(({ text }) => text).join('')
  }

  add({ text, reasoning, tokens, placement }: PlacedPiece): void {
    this.tokens += tokens.length
    this.placement = placement
    this.reasoning += reasoning ?? ''
    if (text === '') return
    const last = this.runs.at(-1)
    if (last?.tier === placement.tier) last.text += text
    else this.runs.push({ tier: placement.tier, text })
  }
}

export interface AnswerOptions {
  readonly messages: readonly ChatMessage[]
  readonly maxTokens: number
  readonly policy: Policy | undefined
  readonly signal: AbortSignal
  readonly onPiece: () => void
}

/** Writes the answer to a chat into `answer`. */
export async function writeAnswer(
  model: Model,
  answer: Answer,
  { messages, maxTokens, policy, signal, onPiece }: AnswerOptions,
): Promise<void> {
  const stream = model.generate(
    { messages, maxTokens, truncation: 'auto' },
    { signal, ...(policy && { policy }) },
  )
  for await (const piece of stream) {
    answer.add(piece)
    onPiece()
  }
  const { timings, droppedMessages = 0 } = await stream.result
  answer.droppedMessages = droppedMessages
  if (timings.perTokenMs > 0) answer.perSecond = 1_000 / timings.perTokenMs
}
