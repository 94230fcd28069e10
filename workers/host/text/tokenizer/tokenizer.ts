import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import { SpillwayError } from '../../../../models/core/index.ts'
import { outputFormOf } from '../parts/output-form.ts'
import type { OutputForm, Tokenizer } from '../types.ts'
import { createChatTemplate } from './chat-template.ts'
import { piecesOf } from './pieces.ts'
import { createStreamDecoder } from './stream-decoder.ts'
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts'

const nothing = new Uint8Array(0)

/**
 * Creates a model's tokenizer from its files, by their names on the hub: `tokenizer.json`, and optionally
 * `tokenizer_config.json` and `chat_template.jinja`. Decoding does not tidy up spaces, because a stream cannot.
 *
 * @param output As the manifest names it; else the chat template shows it.
 * @throws SpillwayError `file_missing`, `model_invalid`. Decoding throws `not_supported` where it cannot be done token by
 * token.
 */
export function readTokenizer(
  files: TokenizerFiles,
  stopTokens: readonly number[],
  output: OutputForm = {},
): Tokenizer {
  const { tokenizer: description, config, template, toolTemplate, specialTokens } = readTokenizerFiles(files)
  const hub = read(description, config)
  const pieces = piecesOf(description.decoder)
  const added = hub.get_added_tokens_decoder()
  const specialText = (token: number) => (added.get(token)?.special ? added.get(token)?.content : undefined)
  const render = createChatTemplate({ template, toolTemplate }, specialTokens)
  const templates = [template, toolTemplate].filter((source) => source !== undefined)
  const known: Uint8Array[] = []

  const decodable = () => {
    if (pieces) return pieces
    throw new SpillwayError('not_supported', "The tokenizer's text cannot be decoded token by token", {
      got: `the decoder ${JSON.stringify(description.decoder)}`,
    })
  }
  /** The bytes of a token, special ones included. */
  const bytesOf = (token: number): Uint8Array => {
    const piece = hub.id_to_token(token)
    // A model may have more tokens than its tokenizer has pieces.
    if (piece === undefined) return nothing
    const addedToken = added.get(token)
    known[token] ??= addedToken ? new TextEncoder().encode(addedToken.content) : decodable().bytesOf(piece)
    return known[token]
  }
  const isShown = (token: number, markers: readonly string[]) => {
    const special = specialText(token)
    return special === undefined || markers.includes(special)
  }

  const self: Tokenizer = {
    stopTokens,
    output: { ...outputFormOf(templates), ...output },
    readsVariable: (name) => new RegExp(`\\b${name}\\b`).test(templates.join('\n')),
    encode(text, special) {
      const { ids } = hub.encode(text, { add_special_tokens: special })
      return ids.filter((id) => id !== undefined)
    },
    decode(tokens) {
      const decoder = self.streamDecoder()
      return tokens.map(decoder.push).join('') + decoder.end()
    },
    streamDecoder: (before = [], markers = []) => {
      const shownBytesOf = (token: number) => (isShown(token, markers) ? bytesOf(token) : nothing)
      const isStart = before.every((token) => shownBytesOf(token).length === 0)
      return createStreamDecoder(shownBytesOf, decodable().lead, isStart)
    },
    textOf: (token) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(token)),
    bytesOf: (token) => [...bytesOf(token)],
    isSpecial: (token) => specialText(token) !== undefined,
    chat: (messages, templateArguments) => self.encode(render(messages, templateArguments), false),
  }
  return self
}

function read(description: object, config: object): HubTokenizer {
  try {
    return new HubTokenizer(description, config)
  } catch (cause) {
    throw SpillwayError.from(cause, 'model_invalid', 'tokenizer.json is not a supported tokenizer')
  }
}
