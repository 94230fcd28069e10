import { SpillwayError } from '../../../models/core/index.ts'
import { showValue } from '../../../models/core/wording.ts'

export const loadParameters: readonly string[] = []

/** No model here depends on another: unloading those as well is the same. */
export const unloadParameters: readonly string[] = ['unload_dependents']

/** A parameter that is passed over would change what is loaded: Triton's `config` and `file:` replace the model's own. */
export function refuseUnknown(parameters: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const param = Object.keys(parameters).find((name) => !known.includes(name))
  if (param === undefined) return
  throw new SpillwayError('not_supported', `This server does not support the parameter "${param}"`, {
    got: showValue(parameters[param]),
    hint: "The model's folder is loaded as it is: change its files there.",
    param,
  })
}
