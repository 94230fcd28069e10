/** What the public types say is what the schemas accept: neither has a field that the other lacks. */
import { assertType } from 'vitest'
import type * as z from 'zod/mini'
import type { FileSpec, fileSpec } from '../../models/core/file-spec.ts'
import type { EmbeddingSpec, embedding, GenerationSpec, generation } from '../../models/core/language.ts'
import type { Manifest, Variant } from '../../models/core/manifest.ts'
import type { manifestSchema, variantSchema } from '../../models/core/manifest-schema.ts'
import type { Reference, referenceSchema } from '../../models/core/references.ts'
import type { StateSpec, stateSpec, TensorSpec, tensorSpec } from '../../models/core/tensor-spec.ts'
import type { Same } from './same.ts'

assertType<Same<Manifest, z.infer<typeof manifestSchema>>>(true)
assertType<Same<Variant, z.infer<typeof variantSchema>>>(true)
assertType<Same<FileSpec, z.infer<typeof fileSpec>>>(true)
assertType<Same<TensorSpec, z.infer<typeof tensorSpec>>>(true)
assertType<Same<StateSpec, z.infer<typeof stateSpec>>>(true)
assertType<Same<GenerationSpec, z.infer<typeof generation>>>(true)
assertType<Same<EmbeddingSpec, z.infer<typeof embedding>>>(true)
assertType<Same<Reference, z.infer<typeof referenceSchema>>>(true)
