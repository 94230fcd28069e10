/** Fields that several requests of the OpenAI API share. Sources: as of `openai.ts`. */
import * as z from 'zod/mini'

export const count = z.int().check(z.nonnegative())
export const positive = z.int().check(z.positive())
const stopString = z.string().check(z.minLength(1))

/** The API's clients send null for an absent field. */
export const nullish = <T extends z.core.SomeType>(schema: T) => z.optional(z.nullable(schema))

/** Each costs work at each step. */
const maxBiases = 1_024

/** The fields that choose tokens. */
export const sampling = {
  temperature: nullish(z.number().check(z.minimum(0), z.maximum(2))),
  top_p: nullish(z.number().check(z.minimum(0), z.maximum(1))),
  presence_penalty: nullish(z.number().check(z.minimum(-2), z.maximum(2))),
  frequency_penalty: nullish(z.number().check(z.minimum(-2), z.maximum(2))),
  logit_bias: nullish(
    z
      .record(z.string().check(z.regex(/^\d+$/)), z.number().check(z.minimum(-100), z.maximum(100)))
      .check(z.refine((bias) => Object.keys(bias).length <= maxBiases, `at most ${maxBiases} tokens`)),
  ),
  seed: nullish(z.int()),
  /** vLLM; −1 and 0 turn it off. */
  top_k: nullish(z.int().check(z.minimum(-1))),
  /** vLLM. */
  min_p: nullish(z.number().check(z.minimum(0), z.maximum(1))),
  /** vLLM. */
  repetition_penalty: nullish(z.number().check(z.gt(0))),
}

const fields = z.record(z.string(), z.unknown())

/** OpenAI's form of an answer. What else it has is checked when it is read. */
export const responseFormat = z.looseObject({ type: z.string() })

/** The fields that hold a text to a form. */
export const forms = {
  response_format: nullish(responseFormat),
  /** vLLM: `json`, `regex`, `choice`, `grammar` or `json_object`. */
  structured_outputs: nullish(fields),
  /** vLLM's older names. */
  guided_json: nullish(z.unknown()),
  guided_regex: nullish(z.string()),
  guided_choice: nullish(z.array(z.string())),
  guided_grammar: nullish(z.string()),
}

/** The fields that end a text. */
export const ending = {
  stop: nullish(z.union([stopString, z.array(stopString).check(z.maxLength(16))])),
  /** vLLM: continues past the model's stop tokens. */
  ignore_eos: nullish(z.boolean()),
}

/** Whether the oldest turns of a chat are left out where it is too long. `disabled` is the default. */
export const truncation = nullish(z.enum(['auto', 'disabled']))
