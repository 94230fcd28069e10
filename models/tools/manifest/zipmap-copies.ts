/** The suffix of a copy without ZipMap, whose outputs are tensors. */
const suffix = '.plain.onnx'

/** The path of a graph's copy without ZipMap. */
export const zipMapCopyOf = (path: string): string => path.replace(/\.onnx$/, suffix)

/** The graph that a copy without ZipMap was made of; the path itself for others. */
export const originalOf = (path: string): string =>
  path.endsWith(suffix) ? `${path.slice(0, -suffix.length)}.onnx` : path

/** The paths without copies whose graphs are there: those copies are made again. */
export const withoutZipMapCopies = (paths: readonly string[]): string[] =>
  paths.filter((path) => originalOf(path) === path || !paths.includes(originalOf(path)))
