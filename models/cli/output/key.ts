import type { CreatedKey } from '../commands/key.ts'
import type { Style } from '../io.ts'

export function showCreatedKey({ key, entry }: CreatedKey, style: Style): string {
  const place =
    entry.kind === 'page'
      ? 'Pages use it as createRuntime({ server, key }), or as data-key of the embed script.'
      : `${entry.kind === 'admin' ? 'Administrators' : 'Callers'} send it as "authorization: Bearer KEY". Keep it secret.`
  return `${style.strong(key)}
${style.quiet(`The key is shown only now. ${place}`)}

${JSON.stringify(entry, null, 2)}
${style.quiet('Add this entry to "keys" in the file that the server reads from SPILLWAY_KEYS: {"keys": [...]}')}
`
}
