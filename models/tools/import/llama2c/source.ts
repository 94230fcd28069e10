import { basename } from 'node:path'
import type { ImportSource } from '../checkpoint.ts'
import { readLlama2c } from './checkpoint.ts'
import { convertLlama2cTokenizer, llama2cStopTokens } from './tokenizer.ts'

export function openLlama2c(path: string, tokenizer: string | undefined): ImportSource {
  const checkpoint = readLlama2c(path)
  return {
    name: basename(path).replace(/\.[^.]*$/, ''),
    family: 'llama2.c',
    license: 'as its source says',
    checkpoint,
    stopTokens: llama2cStopTokens,
    sampling: undefined,
    tokenizer: tokenizer === undefined ? [] : convertedFiles(tokenizer, checkpoint.shape.vocabulary),
  }
}

function convertedFiles(path: string, vocabulary: number) {
  const { tokenizer, config } = convertLlama2cTokenizer(path, vocabulary)
  return [
    { path: 'tokenizer.json', text: `${JSON.stringify(tokenizer)}\n` },
    { path: 'tokenizer_config.json', text: `${JSON.stringify(config, null, 2)}\n` },
  ]
}
