import type { StreamRow } from './stream-row.ts'

/** A ratio that is to be reached, and the variant of ours that comes nearest. */
export interface Target {
  readonly what: string
  readonly reach: number
  /** Undefined where it was not measured. */
  readonly best: { readonly variant: string; readonly ratio: number } | undefined
}

/** The targets of texts on a GPU. A peer counts with its best variant. */
export function targetsOf(rows: readonly StreamRow[]): Target[] {
  const at = (streams: number) => rows.filter((row) => row.streams === streams)
  const one = at(1)
  const peers = best(one.flatMap(({ transformers, webLlm }) => [transformers, webLlm]))
  const others = best(at(32).map(({ transformers }) => transformers))
  return [
    target('one text, to the best of the peers', 2.4, one, ({ ours }) => peers && ours / peers),
    target('32 texts at once, to transformers.js', 20, at(32), ({ ours }) => others && ours / others),
    target('128 texts at once, to one', 30, at(128), ({ variant, ours }) => {
      const alone = one.find((row) => row.variant === variant)?.ours
      return alone && ours / alone
    }),
    target(
      'as many texts as rows of a bare loop, to the loop; the least ratio',
      0.85,
      rows,
      ({ variant }) => {
        const ratios = rows.filter((row) => row.variant === variant).map(bareRatio)
        const known = ratios.filter((ratio) => ratio !== undefined)
        return known.length > 0 ? Math.min(...known) : undefined
      },
    ),
  ]
}

/** What ours reaches of the bare loop: without prompts, unless some texts waited for the end of others. */
export const bareRatio = ({ ours, oursSteady = ours, bare }: StreamRow): number | undefined =>
  bare && oursSteady / bare

function target(
  what: string,
  reach: number,
  rows: readonly StreamRow[],
  ratioOf: (row: StreamRow) => number | undefined,
): Target {
  const ratios = rows.flatMap((row) => {
    const ratio = ratioOf(row)
    return ratio === undefined ? [] : [{ variant: row.variant, ratio }]
  })
  return { what, reach, best: ratios.toSorted((a, b) => b.ratio - a.ratio)[0] }
}

const best = (rates: readonly (number | undefined)[]): number | undefined => {
  const known = rates.filter((rate) => rate !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}
