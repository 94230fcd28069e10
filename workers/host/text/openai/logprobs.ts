import { tokenIdName } from '../../../../models/protocols/openai.ts'
import type { GeneratedToken, TokenLogprob } from '../../../protocol/generation.ts'
import type { Tokenizer } from '../types.ts'

/** How an answer names tokens: by their text, or by their id (`return_tokens_as_token_ids`). */
export interface Naming {
  readonly tokenizer: Tokenizer
  readonly byId: boolean
}

const nameOf = ({ tokenizer, byId }: Naming, token: number) =>
  byId ? tokenIdName(token) : tokenizer.textOf(token)

/** The log probabilities of a chat: one entry a token. */
export const chatLogprobs = (naming: Naming, tokens: readonly GeneratedToken[]) => ({
  content: tokens.map(({ token, logprob = 0, top = [] }) => ({
    ...entryOf(naming, { token, logprob }),
    top_logprobs: top.map((one) => entryOf(naming, one)),
  })),
  refusal: null,
})

const entryOf = (naming: Naming, { token, logprob }: TokenLogprob) => ({
  token: nameOf(naming, token),
  logprob,
  bytes: naming.tokenizer.bytesOf(token),
})

/**
 * The log probabilities of a completion: one list a field.
 *
 * @param from The offset in the text at which the first token begins.
 */
export function completionLogprobs(naming: Naming, tokens: readonly GeneratedToken[], from: number) {
  let at = from
  const offsets = tokens.map(({ token }) => {
    const begins = at
    at += naming.tokenizer.textOf(token).length
    return begins
  })
  return {
    tokens: tokens.map(({ token }) => nameOf(naming, token)),
    token_logprobs: tokens.map(({ logprob = null }) => logprob),
    top_logprobs: tokens.map(({ top = [] }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [nameOf(naming, token), logprob])),
    ),
    text_offset: offsets,
  }
}
