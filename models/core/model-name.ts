import * as z from 'zod/mini'

/** Schema of the names of models, versions, variants and adapters. */
export const modelName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/))
