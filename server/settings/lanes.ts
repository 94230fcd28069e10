import { delimiter } from 'node:path'
import * as z from 'zod/mini'
import { backends } from '../../models/core/index.ts'
import { asIs, type Setting } from './setting.ts'

/** Which models run, and on what. */
export const lanes = {
  SPILLWAY_BACKEND: {
    schema: z.enum(['auto', ...backends.filter((backend) => backend !== 'wasm')]),
    initial: 'auto',
    about:
      '`cpu`, `webgpu` or `cuda` for all models; `auto` is for each model the fastest of those that work on this machine ([GPUs](#gpus))',
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_DEVICES: {
    schema: z.array(z.string().check(z.regex(/^[\w:.-]+$/))),
    initial: [],
    about:
      'the GPUs to use, such as `0,1`, each with lanes of its own ([GPUs](#gpus)): a list in the file, separated by commas or spaces in the variable; one that the runtime chooses where it is not set',
    fromText: (text) => text.split(/[\s,]+/).filter((device) => device !== ''),
  } satisfies Setting<string[]>,
  SPILLWAY_MODELS: {
    schema: z.array(z.string().check(z.minLength(1))),
    initial: [],
    about:
      'further folders of models with manifests: a list in the file, relative to it; separated as in `PATH` in the variable',
    fromText: (text) => text.split(delimiter).filter((folder) => folder !== ''),
  } satisfies Setting<string[]>,
} as const
