import type { Sampling } from '../../models/core/sampling.ts'
import type { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { TokenStream } from '../../workers/host/text/types.ts'
import type { GeneratedToken, TokenRequest } from '../../workers/protocol/generation.ts'

export const bytesOf = (base64: string): ArrayBuffer =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer

export const greedy: Sampling = { temperature: 0 }

export const request = (
  prompt: readonly number[],
  maxTokens: number,
  more: Partial<TokenRequest> = {},
): TokenRequest => ({
  prompt,
  generated: 0,
  maxTokens,
  stopTokens: [1, 2],
  sampling: greedy,
  ...more,
})

export async function read(stream: TokenStream): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = []
  for await (const made of stream) tokens.push(...made)
  return tokens
}

export const tokensOf = async (from: SequenceScheduler, wanted: TokenRequest): Promise<number[]> =>
  (await read(from.generate(wanted))).map(({ token }) => token)
