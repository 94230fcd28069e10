/** The suffix of a copy whose outputs are tensors in place of maps. */
const suffix = '.plain.onnx'

/** The path of a graph's copy without maps. */
export const plainCopyOf = (path: string): string => path.replace(/\.onnx$/, suffix)

/** The graph that a copy without maps was made of; the path itself for others. */
export const originalOf = (path: string): string =>
  path.endsWith(suffix) ? `${path.slice(0, -suffix.length)}.onnx` : path

/** The paths without copies: these are made again of their graphs. */
export const withoutCopies = (paths: readonly string[]): string[] =>
  paths.filter((path) => originalOf(path) === path || !paths.includes(originalOf(path)))
