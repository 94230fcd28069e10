import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { plain, styleOf } from '../../models/cli/io.ts'
import { facts, table } from '../../models/cli/output/table.ts'
import { showBytes, showMs, showSmall } from '../../models/cli/output/units.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from './support/build.ts'
import { spillway } from './support/command.ts'
import { realModels } from './support/real-models.ts'

const style = styleOf({ outIsTerminal: false })

describe('The command', () => {
  test('lists its commands, each with examples', async () => {
    const { code, out } = await spillway('--help')
    expect(code).toBe(0)
    const names = [...out.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name ?? '')
    expect(names).toContain('inspect')
    for (const name of names) {
      const help = await spillway(name, '--help')
      expect(help.code, name).toBe(0)
      expect(help.out, name).toContain(`$ spillway ${name} `)
      // A server prints no result, and its log is JSON.
      if (name !== 'serve') expect(help.out, name).toContain('--json')
    }
  })

  test.each<[string, string[], string]>([
    ['without a command', [], 'Usage: spillway'],
    ['with an unknown command', ['polish'], "unknown command 'polish'"],
    ['with an unknown option', ['inspect', 'x.onnx', '--loud'], "unknown option '--loud'"],
    ['without a file', ['inspect'], "missing required argument 'file'"],
    [
      'with a folder to write a file over',
      ['batch', 'x.onnx', '-o', '.'],
      'This is a folder. Name the file to write.',
    ],
    [
      'with a percentile of nothing',
      ['quantize', 'x.onnx', '--to', 'q8', '--percentile', '99.9', '-o', 'y.onnx'],
      "option '--percentile <percent>' needs --calibrate",
    ],
    [
      'with a port that is none',
      ['serve', 'models', '--port', '70000'],
      'Expected a whole number from 0 to 65535.',
    ],
    ['with a shape that is none', ['inspect', 'x.onnx', '--shape', 'a=b'], 'Write it as name=1,128.'],
  ])('prints its usage and ends with 2 when called %s', async (_what, args, message) => {
    const { code, out, err } = await spillway(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
  })

  test('reports a missing file and ends with 1', async () => {
    const { code, out, err } = await spillway('inspect', '/nowhere.onnx')
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: 'spillway: There is no file /nowhere.onnx\n',
    })
  })

  test('names the invalid one of two files, and a folder that cannot be written', async () => {
    const folder = await emptyFolder()
    const wrong = join(folder, 'wrong.onnx')
    writeFileSync(wrong, '{"a": 1}')
    const compared = await spillway('compare', realModels[0] ?? '', wrong)
    expect(compared.code).toBe(1)
    expect(compared.err).toContain(`spillway: ${wrong}: The file is truncated or corrupt`)
    const written = await spillway(
      'quantize',
      realModels[0] ?? '',
      '--to',
      'q8',
      '-o',
      join(wrong, 'q8.onnx'),
    )
    expect(written.code).toBe(1)
    expect(written.err).toContain(`spillway: The folder ${wrong} cannot be made: `)
  })

  test('reports errors as JSON with --json', async () => {
    const { code, out } = await spillway('inspect', '/nowhere.onnx', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'file_missing' } })
  })

  test('refuses an unknown input by name', async () => {
    const { code, err } = await spillway('inspect', realModels[0] ?? '', '--shape', 'picture=1,1,28,28')
    expect(code).toBe(1)
    expect(err).toContain('The model has no input "picture": expected image')
  })

  test('removes control characters from names in a model', async () => {
    const path = join(await emptyFolder(), 'model.onnx')
    const name = 'x\u001b[2J\r\u202e'
    writeFileSync(
      path,
      encode(
        modelProto({
          nodes: [{ op: 'Relu', inputs: [name], outputs: ['y'] }],
          inputs: [value(name, [1])],
          outputs: [value('y', [1])],
        }),
      ),
    )
    const { code, out } = await spillway('inspect', path)
    expect(code).toBe(0)
    expect(out).toContain('x�[2J��')
    expect(out).not.toContain('\u001b')
  })
})

describe('output for people', () => {
  test('is aligned in columns', () => {
    const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' as const }]
    expect(
      table(
        columns,
        [
          ['a', '1 B'],
          ['long', '100 MB'],
        ],
        style,
      ),
    ).toBe(['  NAME     SIZE', '  a         1 B', '  long   100 MB', ''].join('\n'))
    expect(
      facts(
        [
          ['A', '1'],
          ['Long', '2'],
        ],
        style,
      ),
    ).toBe('A      1\nLong   2\n')
  })

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.00 kB'],
    [26_454, '26.5 kB'],
    [999_499, '999 kB'],
    [999_600, '1.00 MB'],
    [3_163_737, '3.16 MB'],
    [2_500_000_000, '2.50 GB'],
  ])('%i bytes are %s', (bytes, shown) => expect(showBytes(bytes)).toBe(shown))

  test.each([
    [0.0123, '0.012 ms'],
    [0.147, '0.147 ms'],
    [35.72, '35.7 ms'],
    [1_234, '1.23 s'],
    [90_000, '1.5 min'],
  ])('%d milliseconds are %s', (ms, shown) => expect(showMs(ms)).toBe(shown))

  test.each([
    [0, '0'],
    [0.000012345, '0.0000123'],
    [1.5e-9, '1.5e-9'],
    [2.345, '2.35'],
  ])('an error of %d is %s', (error, shown) => expect(showSmall(error)).toBe(shown))

  test('is bold on a terminal only', () => {
    expect(styleOf({ outIsTerminal: true }).strong('a')).toBe(
      process.env.NO_COLOR ? 'a' : '\u001b[1ma\u001b[22m',
    )
    expect(style.strong('a')).toBe('a')
    expect(plain('a\u0007b')).toBe('a�b')
  })
})
