import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { systemClock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { showValue } from '../../../models/core/wording.ts'
import { runtimeFault } from '../../../workers/host/lane-client/node/machine.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { startRuntimeOn } from '../../api/wire-runtime.ts'
import type { LaneOptions } from '../create-runtime.ts'
import { cacheFolder } from './cache-folder.ts'
import { createLanesPlatform } from './platform.ts'

/**
 * Starts a runtime whose device is this machine's CPU. Nothing is started or written yet.
 *
 * @param lane The script of a lane.
 * @throws SpillwayError `not_supported` where onnxruntime-node is not installed or the lane's script is missing;
 * `input_value_invalid` where an option has no valid value.
 */
export function startWithLanes(options: LaneOptions, lane: URL): Runtime {
  checkLane(lane)
  const { lanes: _, cache, models, ...rest } = options
  const platform = createLanesPlatform({
    lane,
    cache: folderPath('cache', cache) ?? cacheFolder(),
    clock: systemClock,
  })
  const folder = models === undefined ? {} : { models: folderUrl(models) }
  return startRuntimeOn(
    platform,
    { policy: 'auto', ...rest, server: rest.server ?? null, ...folder },
    systemClock,
  )
}

function checkLane(lane: URL): void {
  if (!existsSync(lane)) {
    throw new SpillwayError('not_supported', "The script of spillway's lanes is missing", {
      expected: fileURLToPath(lane),
      hint: 'Leave spillway out of the bundle: it is "external" then, and found in node_modules.',
    })
  }
  const fault = runtimeFault(lane)
  if (!fault) return
  throw new SpillwayError(
    'not_supported',
    'Lanes need the package onnxruntime-node, which is not installed',
    { hint: 'Run "npm install onnxruntime-node", or leave lanes out and name a server.' },
    fault,
  )
}

/** Paths of this machine become addresses. */
function folderUrl(folder: string | URL): string | URL {
  if (typeof folder !== 'string' || (URL.canParse(folder) && !isAbsolute(folder))) return folder
  return pathToFileURL(join(resolve(folder), '/'))
}

function folderPath(name: string, folder: string | URL | undefined): string | undefined {
  if (folder === undefined) return undefined
  if (typeof folder === 'string' && folder !== '' && !folder.startsWith('file:')) return resolve(folder)
  if (URL.canParse(String(folder)) && new URL(folder).protocol === 'file:') return fileURLToPath(folder)
  throw new SpillwayError('input_value_invalid', `${name} is no folder`, {
    expected: 'a path, or an address that begins with file:',
    got: showValue(folder),
  })
}
