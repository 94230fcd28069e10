import type { GeneratedToken } from '../../../protocol/generation.ts'
import { randomId } from '../random-id.ts'
import type { GenerateResult, TextGenerator } from '../types.ts'
import type { ApiShape, Part } from './api-shape.ts'
import { type Choice, type ChoicePart, usageOf } from './choices.ts'

/** A chat or a completion whose texts are being generated. */
export interface TextsAnswer {
  readonly model: string
  readonly executedOn: TextGenerator['executedOn']
  readonly choices: readonly Choice[]
  readonly shape: ApiShape
}

/** The fields that an answer in one piece and each event of a stream have in common. */
const commonFields = ({ model, executedOn, shape }: TextsAnswer) => ({
  id: `${shape.idPrefix}-${randomId()}`,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: `${executedOn.variant}/${executedOn.backend}`,
})

/** The answer once all texts have ended. */
export function completeAnswer(
  answer: TextsAnswer,
  results: readonly GenerateResult[],
  tokens: ReadonlyMap<Choice, readonly GeneratedToken[]>,
): object {
  const { choices, shape } = answer
  const parts: Part[] = []
  for (const [at, choice] of choices.entries()) {
    const result = results[at]
    if (result) parts.push(shape.complete(choice, result, tokens.get(choice) ?? []))
  }
  return {
    ...commonFields(answer),
    object: shape.object,
    ...parts[0]?.topLevel,
    choices: parts.map(({ choice }) => choice),
    usage: usageOf(choices, results),
  }
}

/** The events of a streamed answer. */
export class AnswerEvents {
  readonly #answer: TextsAnswer
  readonly #includesUsage: boolean
  readonly #common: object

  constructor(answer: TextsAnswer, includesUsage: boolean) {
    this.#answer = answer
    this.#includesUsage = includesUsage
    this.#common = {
      ...commonFields(answer),
      object: answer.shape.chunkObject,
      ...(includesUsage ? { usage: null } : {}),
    }
  }

  /** Before all texts. */
  begin(): object[] {
    const { choices, shape } = this.#answer
    return choices.flatMap((choice) => {
      const part = shape.begin(choice)
      return part ? [this.#event(part)] : []
    })
  }

  ofPart(part: ChoicePart): object[] {
    const { shape } = this.#answer
    const parts =
      'piece' in part ? shape.pieces(part.choice, part.piece) : [shape.end(part.choice, part.result)]
    return parts.map((one) => this.#event(one))
  }

  /** After all texts. */
  async end(): Promise<object[]> {
    if (!this.#includesUsage) return []
    const { choices } = this.#answer
    const results = await Promise.all(choices.map(({ result }) => result))
    return [{ ...this.#common, choices: [], usage: usageOf(choices, results) }]
  }

  #event({ choice, topLevel }: Part): object {
    return { ...this.#common, ...topLevel, choices: [choice] }
  }
}
