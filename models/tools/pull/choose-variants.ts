import { SpillwayError } from '../../core/error.ts'
import type { Variant } from '../../core/manifest.ts'
import { type Backend, backends } from '../../core/placement.ts'
import type { VariantChoice } from './plan.ts'

type Choosable = Pick<Variant, 'id' | 'precision' | 'backends'>

const runsOn = ({ backends }: Choosable, backend: Backend): boolean => backends?.includes(backend) ?? true

/** A GPU without half floats needs another variant than the best. */
const computesInHalves = ({ precision }: Choosable): boolean => precision === 'fp16' || precision === 'q4f16'

/**
 * The variants that are asked for, by name or by precision; unasked, the best for each backend, and for GPUs
 * without half floats.
 *
 * @throws SpillwayError `input_value_invalid` where there is none such.
 */
export function chooseVariants<T extends Choosable>(all: readonly T[], { variant, to }: VariantChoice): T[] {
  if (variant?.includes('all')) return [...all]
  if (variant === undefined && to === undefined) return bestOf(all)
  for (const name of variant ?? []) if (!all.some(({ id }) => id === name)) throw none(all, name)
  for (const name of to ?? []) if (!all.some(({ precision }) => precision === name)) throw none(all, name)
  return all.filter(({ id, precision }) => variant?.includes(id) || to?.includes(precision))
}

function bestOf<T extends Choosable>(all: readonly T[]): T[] {
  const best = new Set<T | undefined>(backends.map((backend) => all.find((one) => runsOn(one, backend))))
  best.add(all.find((one) => runsOn(one, 'webgpu') && !computesInHalves(one)))
  return all.filter((one) => best.has(one))
}

const none = (all: readonly Choosable[], name: string) =>
  new SpillwayError('input_value_invalid', `There is no variant "${name}"`, {
    expected: all.map(({ id, precision }) => (id === precision ? id : `${id} (${precision})`)).join(', '),
  })
