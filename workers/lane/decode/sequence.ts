import type { FinishReason, GeneratedToken, TokenRequest } from '../../protocol/generation.ts'
import type { HeldFormat } from '../format/held-format.ts'
import { hasPenalties } from '../sampling/penalties.ts'
import type { Choice, ChoiceRow, Chooser, DeviceLogits, Logits } from '../sampling/types.ts'
import { mostProposed } from './hit-rate.ts'
import { Speculation } from './speculation.ts'
import type { StepCosts } from './step-costs.ts'

/** One sequence in a lane: its tokens, and what ends it. */
export class Sequence {
  readonly id: number
  readonly request: TokenRequest
  /** Prompt and generated tokens. */
  readonly tokens: number[]
  readonly #choice: Choice
  readonly #stopTokens: ReadonlySet<number>
  readonly #context: number
  /** Since its tokens were first asked for. */
  #speculation: Speculation | undefined
  /** Undefined while it waits for one. */
  slot: number | undefined
  isCancelled = false
  /** Undefined where the request has none. */
  format: HeldFormat | undefined
  /** Logits that wait for what the format allows. */
  heldLogits: Logits | undefined

  constructor(id: number, request: TokenRequest, context: number, chooser: Pick<Chooser, 'open'>) {
    this.id = id
    this.request = request
    this.tokens = [...request.prompt]
    this.#choice = chooser.open(request.sampling, request.prompt, request.generated)
    this.#stopTokens = new Set(request.stopTokens)
    this.#context = context
  }

  /** The adapter in the graph, from 1 on. Undefined: the model itself. */
  get adapter(): number | undefined {
    return this.request.adapter
  }

  /** How many tokens this lane has generated. */
  get newTokens(): number {
    return this.tokens.length - this.request.prompt.length
  }

  /** Whether it is known what its next token is chosen from, or that it cannot be. */
  get canChoose(): boolean {
    return !this.format || (this.format.allowed ?? this.format.error) !== undefined
  }

  /** Whether its format ends it here. */
  get isAtEnd(): boolean {
    return this.format?.allowed?.isEnd === true
  }

  /** What its next token is chosen from, or the one that comes `ahead` tokens later. */
  choiceFrom(logits: Logits | DeviceLogits, ahead: number): ChoiceRow {
    const { format } = this
    const allowed = ahead > 0 ? format?.path[ahead - 1]?.allowed : format?.allowed
    return { choice: this.#choice, logits, position: this.tokens.length + ahead, allowed: allowed?.mask }
  }

  /** Whether a step may be started `ahead` steps before its token is known, as far as the sequence is concerned. */
  canGoAhead(ahead: number): boolean {
    const { format, endsByText } = this.request
    return !format && !endsByText && !this.isCancelled && ahead < this.room
  }

  /** How many more tokens it may have. */
  get room(): number {
    return Math.min(this.request.maxTokens - this.newTokens, this.#context - this.tokens.length)
  }

  /** Tokens that are likely to come next, at most so many, where it pays to verify them in one run. */
  propose(most: number, costs: StepCosts): readonly number[] {
    const { format } = this
    if (!format) return this.#speculate(costs).propose(most)
    const path = format.path.map(({ token }) => token)
    return this.#speculate(costs).within(path, format.isForced, most)
  }

  /** Asks its format what may come next, and what after that where as many tokens may be proposed. */
  expect(most: number, costs: StepCosts): void {
    const speculation = most > 0 ? this.#speculate(costs) : undefined
    this.format?.ask({
      proposed: speculation?.propose(most) ?? [],
      most: speculation ? Math.min(most, mostProposed) : 0,
    })
  }

  /** How many tokens to ask a draft model for, at most so many; none with a format, which it does not know. */
  draftSize(most: number, costs: StepCosts): number {
    return this.format ? 0 : this.#speculate(costs).draftSize(most)
  }

  /** So many tokens of a draft model were verified, and so many of them came. */
  noteDraft(proposed: number, accepted: number): void {
    this.#speculation?.noteDraft(proposed, accepted)
  }

  #speculate(costs: StepCosts): Speculation {
    this.#speculation ??= new Speculation(this.tokens, costs)
    return this.#speculation
  }

  /** Takes its next token. `expect` comes after the last of several. */
  accept(token: GeneratedToken): { readonly token?: GeneratedToken; readonly finish?: FinishReason } {
    if (this.#stopTokens.has(token.token)) return { finish: 'stop' }
    this.tokens.push(token.token)
    if (this.room <= 0) return { token, finish: 'length' }
    const { format } = this
    this.#speculation?.accept(token.token, format?.isForced ? format.path[0]?.token : undefined)
    format?.goOn(token.token)
    return { token }
  }

  /** Takes the tokens of a text that begins with its prompt in place of its own. */
  follow(tokens: readonly number[]): void {
    let shared = 0
    while (shared < this.tokens.length && this.tokens[shared] === tokens[shared]) shared++
    const come = tokens.slice(shared)
    this.#choice.recount(this.tokens.splice(shared), come)
    for (const token of come) this.tokens.push(token)
  }

  close(): void {
    this.#choice.close()
    this.format?.close()
  }

  /** Whether the `selected` likeliest tokens are enough to choose from: no others could be drawn or reported. */
  canChooseFromTop(selected: number): boolean {
    const { sampling } = this.request
    const { temperature = 1, topK } = sampling
    const keepsOrder = !hasPenalties(sampling) && !sampling.logitBias
    const drawsFromFew = temperature === 0 || (topK !== undefined && topK <= selected)
    return !this.format && keepsOrder && drawsFromFew && (sampling.logprobs ?? 0) <= selected
  }
}
