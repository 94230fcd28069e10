import type { LanguageModelV3CallOptions } from '@ai-sdk/provider'
import { type FieldNames, refuseUnknownFields } from '../../../models/core/known-fields.ts'
import type { TextRequest } from '../../../workers/host/text/types.ts'

/** What the SDK has no options of its own for, as `model.generate()` takes it: `providerOptions: { spillway: … }`. */
export type SpillwayLanguageModelOptions = Pick<
  TextRequest,
  'truncation' | 'templateArguments' | 'minP' | 'repetitionPenalty' | 'logitBias'
>

const fields: FieldNames<SpillwayLanguageModelOptions> = {
  truncation: true,
  templateArguments: true,
  minP: true,
  repetitionPenalty: true,
  logitBias: true,
}

/** @throws SpillwayError `input_name_invalid`, naming the option. The values are checked with the request. */
export function providerOptionsOf({
  providerOptions,
}: Pick<LanguageModelV3CallOptions, 'providerOptions'>): SpillwayLanguageModelOptions {
  const own: SpillwayLanguageModelOptions = providerOptions?.spillway ?? {}
  refuseUnknownFields('providerOptions.spillway', own, fields)
  return own
}
