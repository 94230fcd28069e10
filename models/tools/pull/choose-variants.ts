import { SpillwayError } from '../../core/error.ts'
import type { Variant } from '../../core/manifest.ts'
import { type Backend, backends } from '../../core/placement.ts'
import type { VariantChoice } from './plan.ts'

type Choosable = Pick<Variant, 'id' | 'precision' | 'backends'>

const runsOn = ({ backends }: Choosable, backend: Backend): boolean => backends?.includes(backend) ?? true

/** Whether a variant needs a GPU with half precision. */
const computesInHalves = ({ precision }: Choosable): boolean => precision === 'fp16' || precision === 'q4f16'

/**
 * Selects variants by id or by precision. By default these are the best for each backend, and the best for GPUs
 * without half precision.
 *
 * @throws SpillwayError `input_value_invalid` for a name that no variant has.
 */
export function chooseVariants<T extends Choosable>(all: readonly T[], { variant, to }: VariantChoice): T[] {
  if (variant?.includes('all')) return [...all]
  if (variant === undefined && to === undefined) return bestOf(all)
  for (const name of variant ?? []) if (!all.some(({ id }) => id === name)) throw unknownVariant(all, name)
  for (const name of to ?? [])
    if (!all.some(({ precision }) => precision === name)) throw unknownVariant(all, name)
  return all.filter(({ id, precision }) => variant?.includes(id) || to?.includes(precision))
}

function bestOf<T extends Choosable>(all: readonly T[]): T[] {
  const best = new Set<T | undefined>(backends.map((backend) => all.find((one) => runsOn(one, backend))))
  best.add(all.find((one) => runsOn(one, 'webgpu') && !computesInHalves(one)))
  return all.filter((one) => best.has(one))
}

const unknownVariant = (all: readonly Choosable[], name: string) =>
  new SpillwayError('input_value_invalid', `There is no variant "${name}"`, {
    expected: all.map(({ id, precision }) => (id === precision ? id : `${id} (${precision})`)).join(', '),
  })
