import * as z from 'zod/mini'
import { access } from './access.ts'
import { lanes } from './lanes.ts'
import { limits } from './limits.ts'
import { listening } from './listening.ts'
import type { Setting } from './setting.ts'
import { times } from './times.ts'

/**
 * Every setting, by its environment variable. `fileKey` gives its name in the configuration file. server/README.md and
 * spillway.config.schema.json say the same, which a test checks.
 */
export const settings = { ...listening, ...access, ...lanes, ...times, ...limits } as const

type SettingName = keyof typeof settings

/** The value of each setting, by its environment variable. */
export type SettingValues = {
  readonly [Name in SettingName]: z.infer<(typeof settings)[Name]['schema']>
}

export const settingNames = Object.keys(settings) as SettingName[]

/** `SPILLWAY_MAX_QUEUED` is `maxQueued` in the configuration file, `PORT` is `port` and `REDIS_URL` is `redisUrl`. */
export const fileKey = (name: string): string =>
  name
    .replace(/^SPILLWAY_/, '')
    .toLowerCase()
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The JSON schema of the configuration file, published as spillway.config.schema.json. */
export function configFileSchema(): object {
  const fields = settingNames.map((name) => {
    const { schema, initial, about }: Setting<unknown> = settings[name]
    const described = schema.check(z.describe(`${about} (${name})`))
    return [fileKey(name), initial === undefined ? described : z._default(described, initial)] as const
  })
  const shape = { $schema: z.optional(z.string()), ...Object.fromEntries(fields) }
  const title = z.meta({ title: 'The configuration of a Spillway server' })
  return z.toJSONSchema(z.strictObject(shape).check(title), { io: 'input' })
}
