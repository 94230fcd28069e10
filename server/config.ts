import { delimiter, resolve } from 'node:path'
import * as z from 'zod/mini'
import { backends, SpillwayError, schemaFault } from '../models/core/index.ts'

const port = z.coerce.number().check(z.int(), z.minimum(0), z.maximum(65_535))

const environment = z.object({
  PORT: z._default(port, 8080),
  HOST: z._default(z.string().check(z.minLength(1)), '127.0.0.1'),
  SPILLWAY_BACKEND: z._default(z.enum(['auto', ...backends.filter((backend) => backend !== 'wasm')]), 'auto'),
  SPILLWAY_MODELS: z._default(z.string(), ''),
})

export interface Config {
  readonly port: number
  readonly host: string
  readonly backend: z.infer<typeof environment>['SPILLWAY_BACKEND']
  /** Further folders of models with manifests, besides the built-in catalogue. */
  readonly modelFolders: readonly string[]
}

/** @throws SpillwayError `request_malformed`, which names the invalid variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  // An empty variable counts as unset.
  const variables = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = z.safeParse(environment, variables)
  if (!parsed.success) {
    const { path, expected, got } = schemaFault(parsed.error, variables)
    throw new SpillwayError('request_malformed', `The environment variable ${path} is invalid`, {
      expected,
      got,
    })
  }
  const { PORT, HOST, SPILLWAY_BACKEND, SPILLWAY_MODELS } = parsed.data
  return {
    port: PORT,
    host: HOST,
    backend: SPILLWAY_BACKEND,
    modelFolders: SPILLWAY_MODELS.split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => resolve(folder)),
  }
}
