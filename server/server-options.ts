import { SpillwayError } from '../models/core/index.ts'
import { refuseUnknownFields } from '../models/core/known-fields.ts'
import { type Config, readConfig } from './config.ts'
import type { LogDestination } from './http/log-destination.ts'
import type { ServerSettings } from './server-settings.ts'
import { fileKey, type SettingValues, settingNames } from './settings/settings.ts'

/** Settings of what listens, which is the application that a server is mounted in. */
const ofListening = [
  'PORT',
  'HOST',
  'SPILLWAY_GRPC_PORT',
  'SPILLWAY_ADMIN_PORT',
  'SPILLWAY_ADMIN_HOST',
  'SPILLWAY_OPEN',
  'SPILLWAY_KEEP_ALIVE_SECONDS',
  'SPILLWAY_UPLOAD_SECONDS',
  'SPILLWAY_DRAIN_SECONDS',
] as const satisfies readonly (keyof SettingValues)[]

/** Whether a setting is one of what listens. */
export const isOfListening = (name: string): boolean => ofListening.some((other) => other === name)

/** Options of `createServer`. */
export interface ServerOptions extends ServerSettings {
  /** Gets the log, a line of JSON at a time. Default: the process's output, as a server of its own does; `false`: none. */
  readonly log?: LogDestination | false
}

const known: Readonly<Record<string, true>> = Object.fromEntries([
  ...settingNames.filter((name) => !isOfListening(name)).map((name) => [fileKey(name), true]),
  ['log', true],
])

/**
 * The configuration of a server that is mounted. The environment is the application's: it is not read.
 *
 * @throws SpillwayError `input_name_invalid` for an option that there is not; `request_malformed` for an invalid value.
 */
export function configOfOptions({ log: _, ...settings }: ServerOptions): Config {
  const listening = ofListening.map(fileKey).find((key) => key in settings)
  if (listening !== undefined) {
    throw new SpillwayError('input_name_invalid', `createServer() has no option "${listening}"`, {
      hint: 'The application that it is mounted in listens. "npx spillway serve" is a server of its own.',
    })
  }
  refuseUnknownFields('createServer()', settings, known)
  const set = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  return readConfig({}, { path: 'the options of createServer()', value: set })
}
