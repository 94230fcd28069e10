import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../models/async/clock.ts'
import type { LaneLimits } from '../../workers/host/lane-client/lane.ts'
import { startProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { digitsFolder, digitsManifest } from './test-models.ts'

/** The built lane: Node 20 does not run TypeScript. */
export const laneEntry = new URL('../../dist/server/lane.js', import.meta.url)

export const processLane = (clock: Clock, limits?: LaneLimits, env?: Readonly<Record<string, string>>) =>
  startProcessLane(laneEntry, clock, limits, env)

export async function digitsGraph(): Promise<ArrayBuffer> {
  const bytes = await readFile(join(digitsFolder, digitsManifest.variants[0]?.files[0]?.path ?? ''))
  return new Uint8Array(bytes).buffer
}
