import { describe, expect, test } from 'vitest'
import { findVariants, parseSource } from '../../models/hub/index.ts'

const endpoint = new URL('https://huggingface.co/')

describe('A source', () => {
  test.each([
    ['hf:Xenova/all-MiniLM-L6-v2', 'Xenova/all-MiniLM-L6-v2', 'main'],
    ['hf:owner/name@refs/pr/1', 'owner/name', 'refs/pr/1'],
    ['hf:onnx-community/a_b.c-1@v1.0', 'onnx-community/a_b.c-1', 'v1.0'],
    ['hf:gpt2', 'gpt2', 'main'],
    ['https://huggingface.co/owner/name', 'owner/name', 'main'],
    ['https://huggingface.co/owner/name/tree/v2/', 'owner/name', 'v2'],
  ])('%s is a repository', (source, repo, revision) => {
    expect(parseSource(source, endpoint)).toEqual({ kind: 'hub', reference: { repo, revision } })
  })

  test.each([
    'https://huggingface.co/owner/name/resolve/main/onnx/model.onnx',
    'https://models.example/digits/manifest.json',
  ])('%s is an address', (source) => {
    expect(parseSource(source, endpoint)).toEqual({ kind: 'url', url: new URL(source) })
  })

  test('is an id if it is neither', () => {
    expect(parseSource('digits', endpoint)).toEqual({ kind: 'id', id: 'digits' })
  })

  test.each([
    'hf:',
    'hf:a/b/c',
    'hf:../etc/passwd',
    'hf:owner/..',
    'hf:owner/na--me',
    'hf:owner/name@',
    'hf:owner/name@a/../b',
    'hf:owner/name@-x',
    'hf:o wner/name',
    'hf:owner/name?x',
  ])('refuses %j', (source) => {
    expect(() => parseSource(source, endpoint)).toThrow(
      expect.objectContaining({ code: 'input_value_invalid' }),
    )
  })
})

describe('The variants in a folder', () => {
  test('are named by suffix, best first, each with its external data in order', () => {
    const data = Array.from(
      { length: 11 },
      (_, index) => `onnx/model.onnx_data${index === 0 ? '' : `_${index}`}`,
    )
    const variants = findVariants(
      [
        'onnx/model_bnb4.onnx',
        'onnx/model.onnx',
        ...data.toReversed(),
        'onnx/model_q4.onnx',
        'onnx/model_q4.onnx_data',
        'onnx/model_fp16.onnx',
        'onnx/model_q2.onnx',
        'onnx/model_q4f16.onnx',
        'onnx/model_quantized.onnx',
        'onnx/model.onnx_data.md',
      ],
      'a test',
    )
    expect(variants.map(({ id }) => id)).toEqual(['q4f16', 'quantized', 'q4', 'fp16', 'fp32', 'bnb4'])
    expect(variants.find(({ id }) => id === 'fp32')?.paths).toEqual(['onnx/model.onnx', ...data])
    expect(variants.find(({ id }) => id === 'q4')?.paths).toEqual([
      'onnx/model_q4.onnx',
      'onnx/model_q4.onnx_data',
    ])
    expect(variants.find(({ id }) => id === 'quantized')).toMatchObject({
      precision: 'q8',
      backends: ['wasm', 'cpu', 'cuda'],
    })
  })

  test.each([
    ['folders of their own', ['fp32/model.onnx', 'q8/model.onnx'], ['q8', 'fp32']],
    [
      'a backend that each was made for',
      ['model.onnx', 'model_q8-cpu.onnx', 'q8-wasm/model.onnx'],
      ['q8-cpu', 'q8-wasm', 'fp32'],
    ],
    [
      'keys and values in blocks, behind the same without',
      ['onnx/model_q4f16-paged.onnx', 'fp16-paged/model.onnx', 'onnx/model_q4f16.onnx', 'onnx/model_q4.onnx'],
      ['q4f16', 'q4f16-paged', 'q4', 'fp16-paged'],
    ],
    ['the names of quantize', ['net.onnx', 'net.q4.onnx'], ['q4', 'fp32']],
    [
      'a decoder in one graph beside its two',
      ['onnx/decoder_model_merged.onnx', 'onnx/decoder_model.onnx'],
      ['fp32'],
    ],
    ['a copy at the root', ['model.onnx', 'onnx/model.onnx'], ['fp32']],
  ])('may have %s', (_what, paths, ids) => {
    expect(findVariants(paths, 'a test').map(({ id }) => id)).toEqual(ids)
  })

  test('are refused without an ONNX file', () => {
    expect(() => findVariants(['model.safetensors', 'config.json'], 'hf:a/b')).toThrow(
      expect.objectContaining({
        code: 'model_invalid',
        message: expect.stringContaining('no ONNX model in hf:a/b'),
      }),
    )
  })

  test.each([
    [['onnx/encoder_model.onnx', 'onnx/decoder_model_merged.onnx']],
    [['vision.onnx', 'text.onnx']],
  ])('of a model of several graphs are refused: %j', (paths) => {
    expect(() => findVariants(paths, 'hf:a/b')).toThrow(expect.objectContaining({ code: 'not_supported' }))
  })
})
