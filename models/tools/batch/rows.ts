import { copyBlock } from '../../core/rows/blocks.ts'
import { createData, elementCount, type Tensor } from '../../core/tensor.ts'
import type { Tensors } from '../run-model/runtime.ts'

/** One row of each tensor, by name. */
export type Row = Tensors

/** Splits tensors with the same number of rows into rows. */
export function rowsOf(tensors: Tensors): Row[] {
  const [first] = Object.values(tensors)
  return Array.from({ length: first?.shape[0] ?? 0 }, (_, row) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, rowOf(tensor, row)])),
  )
}

function rowOf({ type, data, shape }: Tensor, row: number): Tensor {
  const rest = shape.slice(1)
  const each = elementCount(rest)
  return { type, data: data.slice(row * each, (row + 1) * each), shape: [1, ...rest] }
}

/** Joins rows, at least one, into the tensors of one run. */
export function stack(rows: readonly Row[]): Tensors {
  const [first = {}] = rows
  return Object.fromEntries(
    Object.keys(first).map((name) => [name, joined(rows.flatMap((row) => row[name] ?? []))]),
  )
}

function joined(parts: readonly Tensor[]): Tensor {
  const [{ type, shape }] = parts as readonly [Tensor, ...Tensor[]]
  const each = elementCount(shape)
  const all: Tensor = {
    type,
    data: createData(type, each * parts.length),
    shape: [parts.length, ...shape.slice(1)],
  }
  for (const [index, part] of parts.entries()) copyBlock(part, 0, all, index, part.shape, 0)
  return all
}
