import * as z from 'zod/mini'
import { isOfListening } from '../../server/server-options.ts'
import type { Setting } from '../../server/settings/setting.ts'
import { fileKey, settingNames, settings } from '../../server/settings/settings.ts'

const head = `/**
 * The settings of a server that is mounted in another app: those of a configuration file, each with the same default
 * and meaning, but for those of what listens. Relative paths are those of the working directory.
 *
 * Written by a test, which compares it with settings/: \`npx vitest run --project unit test/unit/server-config.test.ts -u\`.
 */
export interface ServerSettings {`

/** The settings as TypeScript that needs no schema: server/server-settings.ts. */
export function settingsInterface(): string {
  const fields = settingNames
    .filter((name) => !isOfListening(name))
    .map((name) => {
      const { schema, initial, about }: Setting<unknown> = settings[name]
      const type = typeOf(z.toJSONSchema(schema, { io: 'input' }))
      const isShown =
        typeof initial === 'number' || typeof initial === 'boolean' || (initial && !Array.isArray(initial))
      const start = about
        .replace(/^./, (letter) => letter.toUpperCase())
        .replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')
      return `  /** ${start}.${isShown ? ` Default: \`${initial}\`.` : ''} */\n  readonly ${fileKey(name)}?: ${type}`
    })
  return `${[head, ...fields, '}'].join('\n')}\n`
}

function typeOf({ type, enum: values, items }: z.core.JSONSchema.BaseSchema): string {
  if (values) return values.map((value) => `'${value}'`).join(' | ')
  if (type === 'array') return `readonly ${typeOf(items as z.core.JSONSchema.BaseSchema)}[]`
  return type === 'integer' ? 'number' : `${type}`
}
