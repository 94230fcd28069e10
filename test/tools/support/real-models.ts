import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { digitsFolder, testModels, withoutTestModels } from '../../support/test-models.ts'

/** Every ONNX file there is to test with: ours, and the published ones where they are. */
export const realModels: readonly string[] = [
  join(digitsFolder, 'fp32', 'model.onnx'),
  ...(withoutTestModels === undefined ? onnxFiles(testModels ?? '') : []),
]

/** Its folder and its name: several are called `model.onnx`. */
export const nameOf = (path: string): string => join(basename(dirname(path)), basename(path))

function onnxFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.onnx'))
    .map((path) => join(folder, path))
}

export const published = (...path: string[]): string => join(testModels ?? '', ...path)
