import type { OutputForm, Tokenizer } from '../../workers/host/text/types.ts'

/** A tokenizer whose tokens are code points; 0 is the stop token. Its chat template reads the variables of these names. */
export const tokenizerOf = (
  output: OutputForm = {},
  variables: readonly string[] = ['messages', 'tools'],
): Tokenizer => {
  const textOf = (token: number) => (token === 0 ? '' : String.fromCodePoint(token))
  return {
    encode: (text) => [...text].map((character) => character.codePointAt(0) ?? 0),
    decode: (tokens) => tokens.map(textOf).join(''),
    streamDecoder: () => ({ push: textOf, end: () => '' }),
    textOf,
    bytesOf: (token) => [...new TextEncoder().encode(textOf(token))],
    isSpecial: (token) => token === 0,
    chat: (messages, { tools } = {}) =>
      [
        (tools ? `tools: ${JSON.stringify(tools)}\n` : '') +
          messages.map(({ role, content }) => `${role}: ${content}\n`).join(''),
      ]
        .flatMap((text) => [...text])
        .map((character) => character.codePointAt(0) ?? 0),
    readsVariable: (name) => variables.includes(name),
    output,
    stopTokens: [0],
  }
}
