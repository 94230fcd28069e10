import type { FileSpec, Manifest, Variant } from './manifest-schema.ts'
import type { Backend } from './placement.ts'

export type { FileSpec, Manifest, Task, Variant } from './manifest-schema.ts'

/** How far two backends may differ on the same input where a manifest does not say. */
export const defaultTolerance = 0.01

/** Whether rows of several requests may share a run only after a lane has proven it. Sequences of texts share steps anyway. */
export const needsRowProof = ({ batchAxis, batching, generation }: Manifest): boolean =>
  batchAxis !== null && batching?.evidence === undefined && generation === undefined

/** The variants that run on a backend, best first. */
export const variantsFor = ({ variants }: Manifest, backend: Backend): Variant[] =>
  variants.filter((variant) => variant.backends?.includes(backend) ?? true)

/** The files that turn texts into tokens and vectors beside the graph: the tokenizer's, then the dense layers'. */
export const textFiles = ({ tokenizer = [], embedding }: Manifest): FileSpec[] => [
  ...tokenizer,
  ...(embedding?.dense ?? []).map(({ file }) => file),
]

/** All files of a model: those of its texts and of every variant. */
export const manifestFiles = (manifest: Manifest): FileSpec[] => [
  ...textFiles(manifest),
  ...manifest.variants.flatMap(({ files }) => files),
]

/** Path of a model's manifest below a folder of models; servers, sites and static hosts share it. */
export const manifestFile = (id: string): string => `${encodeURIComponent(id)}/manifest.json`

/** Address of a model's file, relative to its manifest. It holds the hash, so the file may be cached for ever. */
export const modelFile = ({ path, sha256 }: FileSpec): string =>
  `${path.split('/').map(encodeURIComponent).join('/')}?sha256=${sha256}`
