import { existsSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import * as z from 'zod/mini'
import { SpillwayError } from '../../../core/error.ts'
import type { ImportSource } from '../checkpoint.ts'
import { hubCheckpoint } from './checkpoint.ts'
import { config as configSchema } from './config.ts'
import { parse, parseJson, readSafetensors } from './safetensors.ts'

const generation = z.looseObject({
  do_sample: z.optional(z.boolean()),
  temperature: z.nullish(z.number()),
  top_k: z.nullish(z.int()),
  top_p: z.nullish(z.number()),
  min_p: z.nullish(z.number()),
  repetition_penalty: z.nullish(z.number()),
  eos_token_id: z.nullish(z.union([z.int(), z.array(z.int())])),
})

/** A tokenizer's files; only the first is required. */
const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
]

/** Opens a folder as downloaded from the hub: `config.json`, safetensors and a tokenizer. */
export function openHubFolder(folder: string): ImportSource {
  const json = (name: string): unknown =>
    parseJson(readFileSync(join(folder, name), 'utf8'), join(folder, name))
  const has = (name: string) => existsSync(join(folder, name))
  if (!has('config.json')) throw missing(folder, 'config.json')
  const config = parse(configSchema, json('config.json'), join(folder, 'config.json'))
  const weights = ['model.safetensors.index.json', 'model.safetensors'].find(has)
  if (weights === undefined) throw missing(folder, 'model.safetensors')
  const settings = has('generation_config.json')
    ? parse(generation, json('generation_config.json'), join(folder, 'generation_config.json'))
    : {}
  const eos = settings.eos_token_id ?? config.eos_token_id ?? []
  return {
    name: basename(resolve(folder)),
    family: config.model_type,
    license: 'as its source says',
    checkpoint: hubCheckpoint(config, readSafetensors(join(folder, weights))),
    stopTokens: typeof eos === 'number' ? [eos] : eos,
    sampling: samplingOf(settings),
    tokenizer: tokenizerFiles.flatMap((path) =>
      has(path) ? [{ path, text: readFileSync(join(folder, path), 'utf8') }] : [],
    ),
  }
}

/** The sampling that the hub's libraries would use: greedy unless the model says otherwise. */
function samplingOf(settings: z.infer<typeof generation>): ImportSource['sampling'] {
  const { do_sample, temperature, top_k, top_p, min_p, repetition_penalty } = settings
  const penalty = repetition_penalty ? { repetitionPenalty: repetition_penalty } : {}
  if (do_sample !== true) return { temperature: 0, ...penalty }
  return {
    temperature: temperature ?? 1,
    ...(top_k ? { topK: top_k } : {}),
    ...(top_p ? { topP: top_p } : {}),
    ...(min_p ? { minP: min_p } : {}),
    ...penalty,
  }
}

const missing = (folder: string, file: string) =>
  new SpillwayError('file_missing', `There is no ${file} in ${folder}`, {
    expected: 'config.json, model.safetensors or its index, and tokenizer.json, as on the hub',
  })
