import type { StreamRow } from './stream-row.ts'

/** A ratio that is to be reached, and the variant of ours that comes nearest. */
export interface Target {
  readonly what: string
  readonly reach: number
  /** Undefined where it was not measured. */
  readonly best: { readonly variant: string; readonly ratio: number } | undefined
  /** Those without which it could not be measured. */
  readonly missing: readonly string[]
}

const sideNames = { ours: 'ours', transformers: 'transformers.js', webLlm: 'WebLLM', bare: 'the bare loop' }
type Side = keyof typeof sideNames

/** The targets of texts on a GPU. A peer counts with its best variant, and none of those named may be missing. */
export function targetsOf(rows: readonly StreamRow[]): Target[] {
  const at = (streams: number) => rows.filter((row) => row.streams === streams)
  const [one, many, most] = [at(1), at(32), at(128)]
  const to = (ours: number | undefined, other: number | undefined) => ours && other && ours / other
  return [
    target({
      what: 'one text, to the best of the peers',
      reach: 2.4,
      rows: one,
      missing: missingOf(one, ['ours', 'transformers', 'webLlm']),
      ratioOf: ({ ours }) => to(ours, best(one, ['transformers', 'webLlm'])),
    }),
    target({
      what: '32 texts at once, to transformers.js called 32 times at once',
      reach: 20,
      rows: many,
      missing: missingOf(many, ['ours', 'transformers']),
      ratioOf: ({ ours }) => to(ours, best(many, ['transformers'])),
    }),
    target({
      what: '128 texts at once, to one',
      reach: 30,
      rows: most,
      missing: [...new Set([one, most].flatMap((rows) => missingOf(rows, ['ours'])))],
      ratioOf: ({ variant, ours }) => to(ours, one.find((row) => row.variant === variant)?.ours),
    }),
    target({
      what: 'as many texts as rows of a bare loop, to the loop; the least ratio',
      reach: 0.85,
      rows,
      missing: missingOf(rows, ['ours', 'bare']),
      // Where some are missing, the least may be one of them.
      ratioOf: ({ variant }) => {
        const ratios = rows.filter((row) => row.variant === variant).map(bareRatio)
        const known = ratios.filter((ratio) => ratio !== undefined)
        return known.length === ratios.length ? Math.min(...known) : undefined
      },
    }),
  ]
}

/** What ours reaches of the bare loop: without prompts, unless some texts waited for the end of others. */
export const bareRatio = ({ ours, oursSteady = ours, bare }: StreamRow): number | undefined =>
  oursSteady && bare && oursSteady / bare

function target({
  rows,
  ratioOf,
  ...target
}: Omit<Target, 'best'> & {
  readonly rows: readonly StreamRow[]
  readonly ratioOf: (row: StreamRow) => number | undefined
}): Target {
  if (target.missing.length > 0) return { ...target, best: undefined }
  const ratios = rows.flatMap((row) => {
    const ratio = ratioOf(row)
    return ratio === undefined ? [] : [{ variant: row.variant, ratio }]
  })
  return { ...target, best: ratios.toSorted((a, b) => b.ratio - a.ratio)[0] }
}

const missingOf = (rows: readonly StreamRow[], sides: readonly Side[]): string[] =>
  sides.filter((side) => rows.every((row) => row[side] === undefined)).map((side) => sideNames[side])

const best = (rows: readonly StreamRow[], sides: readonly Side[]): number =>
  Math.max(...rows.flatMap((row) => sides.map((side) => row[side] ?? 0)))
