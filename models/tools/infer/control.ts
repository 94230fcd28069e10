import { subgraphsOf } from '../onnx/subgraphs.ts'
import { declaredOf } from './declared.ts'
import { type Known, known, type Rule } from './known.ts'

/** What both branches of an If declare of their outputs. */
const branch: Rule = (node) => {
  const [first = [], second = []] = subgraphsOf(node).map(({ output }) => output.map(declaredOf))
  return node.output.map((_, index): Known => {
    const [one, other] = [first[index], second[index]]
    const shape = one?.shape?.filter((size) => typeof size === 'number')
    const same = shape?.length === one?.shape?.length && one?.shape?.join() === other?.shape?.join()
    return known(one?.type === other?.type ? (one?.type ?? 0) : 0, same ? shape : undefined)
  })
}

export const control: readonly [string, Rule][] = [['If', branch]]
