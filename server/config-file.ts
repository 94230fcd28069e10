import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { messageOf } from '../models/core/index.ts'
import { type ConfigFile, configVariable } from './config.ts'

const defaultName = 'spillway.config.json'

/**
 * The configuration file that `SPILLWAY_CONFIG` names, else `spillway.config.json` in the working directory; undefined
 * where there is neither.
 */
export function readConfigFile(
  env: Readonly<Record<string, string | undefined>>,
  folder = process.cwd(),
): ConfigFile | undefined {
  const named = env[configVariable]
  const path = resolve(folder, named || defaultName)
  if (!named && !existsSync(path)) return undefined
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { path, value }
    return { path, fault: 'JSON that is no object' }
  } catch (cause) {
    return { path, fault: messageOf(cause) }
  }
}
