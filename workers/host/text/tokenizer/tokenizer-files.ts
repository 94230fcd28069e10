import * as z from 'zod/mini'
import { SpillwayError, schemaError } from '../../../../models/core/index.ts'

/** A tokenizer's files by their names on the hub. */
export type TokenizerFiles = ReadonlyMap<string, Uint8Array>

/** A special token: its text, or an object with its text and how it is matched. */
const specialToken = z.optional(z.nullable(z.union([z.string(), z.object({ content: z.string() })])))

const tokenNames = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token'] as const

const configSchema = z.looseObject({
  bos_token: specialToken,
  eos_token: specialToken,
  unk_token: specialToken,
  pad_token: specialToken,
  sep_token: specialToken,
  cls_token: specialToken,
  chat_template: z.optional(
    z.nullable(z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])),
  ),
})

const tokenizerSchema = z.looseObject({ decoder: z.optional(z.unknown()) })

/** @throws SpillwayError `file_missing`, `model_invalid` */
export function readTokenizerFiles(files: TokenizerFiles) {
  const tokenizer = readJson(files, 'tokenizer.json', tokenizerSchema)
  if (!tokenizer) {
    throw new SpillwayError('file_missing', 'The model has no tokenizer.json', {
      got: [...files.keys()].join(', ') || 'no files',
    })
  }
  const config: Config = readJson(files, 'tokenizer_config.json', configSchema) ?? {}
  const template = files.get('chat_template.jinja')
  return {
    tokenizer,
    config,
    template: template ? new TextDecoder().decode(template) : templateOf(config, 'default'),
    toolTemplate: template ? undefined : templateOf(config, 'tool_use'),
    specialTokens: specialTokensOf(config),
  }
}

function readJson<T extends z.ZodMiniType>(files: TokenizerFiles, name: string, schema: T) {
  const bytes = files.get(name)
  if (!bytes) return undefined
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw SpillwayError.from(cause, 'model_invalid', `${name} is not JSON`)
  }
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  throw schemaError('model_invalid', name, parsed.error, value)
}

type Config = z.infer<typeof configSchema>

/** Some models have several named templates, `tool_use` for chats with tools. One without a name is `default`. */
function templateOf({ chat_template: template }: Config, name: 'default' | 'tool_use'): string | undefined {
  if (typeof template === 'string') return name === 'default' ? template : undefined
  return template?.find((one) => one.name === name)?.template
}

const specialTokensOf = (config: Config): Record<string, string> =>
  Object.fromEntries(
    tokenNames.flatMap((name) => {
      const token = config[name]
      if (!token) return []
      return [[name, typeof token === 'string' ? token : token.content]]
    }),
  )
