import { floatsOf } from '../onnx/values.ts'
import type { Weight } from '../onnx/weight.ts'
import type { Activity } from './measure-activity.ts'
import type { Trace } from './trace-channels.ts'

export interface PruneOptions {
  /** Share of each layer's channels to remove, weakest first. */
  readonly sparsity: number
  /** Channels weaker than this share of the layer's strongest are removed as well. */
  readonly threshold: number
}

/** The outcome for the channels of one layer. */
export interface LayerChoice {
  readonly layer: string
  readonly channels: number
  readonly dead: number
  readonly removed: number
}

export interface Choice {
  /** Representatives of the removed groups. */
  readonly removed: ReadonlySet<number>
  readonly layers: readonly LayerChoice[]
  /** Layers without removable channels, and why. */
  readonly kept: readonly { readonly layer: string; readonly reason: string }[]
}

/** Strength of a channel: sums of squares of the weights that make it and that read it. */
interface Strength {
  makes: number
  reads: number
  /** Whether every reader gets zero when the weights that make the channel are zero. */
  isZeroWithoutLayer: boolean
}

/**
 * Chooses the channels to remove: dead ones, and as many of the weakest as the options allow. The strength of a
 * channel is its own size times the weights that read it. Its size is its activity on samples; without samples, the
 * weights that make it.
 */
export function chooseChannels({ groups, cuts }: Trace, options: PruneOptions, activity?: Activity): Choice {
  const strengths = new Map<number, Strength>()
  const strengthOf = (group: number): Strength => {
    const root = groups.root(group)
    const known = strengths.get(root) ?? { makes: 0, reads: 0, isZeroWithoutLayer: true }
    strengths.set(root, known)
    return known
  }
  for (const cut of cuts) {
    if (cut.role === 'follows') continue
    const squares = squaresAlong(cut.weight, cut.axis)
    const active = cut.value === undefined ? undefined : activity?.get(cut.value)
    for (const [index, group] of cut.groups.entries()) {
      const strength = strengthOf(group)
      strength[cut.role] += (squares[index] ?? 0) * (active?.[index] ?? 1)
      if (cut.role === 'reads' && cut.rest?.[index] !== 0) strength.isZeroWithoutLayer = false
    }
  }
  const scoreOf = (group: number): number => {
    const { makes, reads, isZeroWithoutLayer } = strengthOf(group)
    if (reads === 0 || (makes === 0 && isZeroWithoutLayer)) return 0
    return activity ? reads : Math.max(Number.MIN_VALUE, makes * reads)
  }
  const removed = new Set<number>()
  const [layers, kept]: [LayerChoice[], { layer: string; reason: string }[]] = [[], []]
  const seen = new Set<number>()
  for (const cut of cuts.filter(({ role }) => role === 'makes')) {
    const own = [...new Set(cut.groups.map(groups.root))]
    const free = own.filter((root) => groups.pinned(root) === undefined && !seen.has(root))
    for (const root of own) seen.add(root)
    const reason = own.map(groups.pinned).find((why) => why !== undefined)
    if (free.length === 0 && reason !== undefined) kept.push({ layer: cut.weight.name, reason })
    if (free.length === 0) continue
    const weakestRoots = weakest(free, scoreOf, options, own.length - free.length)
    for (const root of weakestRoots) removed.add(root)
    const dead = free.filter((root) => scoreOf(root) === 0).length
    layers.push({ layer: cut.weight.name, channels: cut.groups.length, dead, removed: weakestRoots.length })
  }
  return { removed, layers, kept }
}

function weakest(
  free: readonly number[],
  scoreOf: (group: number) => number,
  { sparsity, threshold }: PruneOptions,
  others: number,
): readonly number[] {
  const sorted = free
    .map((root) => ({ root, score: scoreOf(root) }))
    .sort((a, b) => a.score - b.score || a.root - b.root)
  // Scores are squared.
  const limit = threshold ** 2 * (sorted.at(-1)?.score ?? 0)
  const under = sorted.filter(({ score }) => score === 0 || score < limit).length
  const count = Math.max(under, Math.floor(sparsity * free.length))
  // A layer must keep at least one channel.
  return sorted.slice(0, Math.min(count, free.length - (others === 0 ? 1 : 0))).map(({ root }) => root)
}

/** Sums of squares at each position along an axis of a weight. */
function squaresAlong(weight: Weight, axis: number): Float64Array {
  const count = weight.dims[axis] ?? 1
  const each = weight.dims.slice(axis + 1).reduce((all, size) => all * size, 1)
  const sums = new Float64Array(count)
  for (const [index, value] of floatsOf(weight).entries()) {
    const position = Math.floor(index / each) % count
    sums[position] = (sums[position] ?? 0) + value * value
  }
  return sums
}

/** Whether only dead channels are removed, so that outputs do not change. */
export const isExact = ({ layers }: Choice): boolean => layers.every(({ dead, removed }) => removed <= dead)
