import { existsSync, statSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import type { InputValues } from '../tools/run-model/constant-inputs.ts'
import type { InputShapes } from '../tools/shape-inference/infer-shapes.ts'

export const jsonOption = () => new Option('--json', 'print the result as JSON')

export const shapeOption = () =>
  new Option(
    '--shape <name=sizes>',
    'the shape of an input whose dimensions vary, such as input=1,128; may be repeated (typical sizes, such as pictures of 224 by 224, if not given)',
  )
    .argParser(addShape)
    .default(new Map<string, readonly number[]>(), 'none')

function addShape(text: string, shapes: InputShapes): InputShapes {
  const found = /^(.+)=(\d{1,9}(?:,\d{1,9})*)?$/.exec(text)
  if (!found?.[1]) throw new InvalidArgumentError('Write it as name=1,128.')
  return new Map([...shapes, [found[1], (found[2] ?? '').split(',').filter(Boolean).map(Number)]])
}

export const valueOption = () =>
  new Option(
    '--value <name=number>',
    'the value of an input that has to be a certain one, such as sr=16000; may be repeated',
  )
    .argParser(addValue)
    .default(new Map<string, number>(), 'none')

function addValue(text: string, values: InputValues): InputValues {
  const found = /^(.+)=(.+)$/.exec(text)
  const number = Number(found?.[2])
  if (!found?.[1] || Number.isNaN(number)) throw new InvalidArgumentError('Write it as name=16000.')
  return new Map([...values, [found[1], number]])
}

export const runLimitOption = () =>
  new Option(
    '--run-limit <seconds>',
    'how long each graph may run on made-up inputs, by which its rows and errors are measured',
  )
    .argParser(positiveInteger)
    .default(60)

export function positiveInteger(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('Expected a whole number above 0.')
  return number
}

export function port(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > 65_535)
    throw new InvalidArgumentError('Expected a whole number from 0 to 65535.')
  return number
}

export function fraction(text: string): number {
  const number = Number(text)
  if (!(number > 0 && number <= 1)) throw new InvalidArgumentError('Expected a number above 0 and at most 1.')
  return number
}

export function positiveNumber(text: string): number {
  const number = Number(text)
  if (!(number >= 0)) throw new InvalidArgumentError('Expected a number of at least 0.')
  return number
}

export function percent(text: string): number {
  const number = Number(text)
  if (!(number > 50 && number <= 100))
    throw new InvalidArgumentError('Expected a percentage above 50, at most 100.')
  return number
}

export const requiredFolder = () =>
  new Option('-o, --out <path>', 'the folder to write').makeOptionMandatory()

export const requiredFile = () =>
  new Option('-o, --out <path>', 'the file to write').argParser(noFolder).makeOptionMandatory()

/** Checked before the work, which may take minutes. */
function noFolder(path: string): string {
  if (existsSync(path) && statSync(path).isDirectory())
    throw new InvalidArgumentError('This is a folder. Name the file to write.')
  return path
}
