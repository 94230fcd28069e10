import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { type FieldNames, refuseUnknownFields } from '../../models/core/known-fields.ts'
import { showValue } from '../../models/core/wording.ts'
import type { RuntimeOptions as PageOptions, Runtime } from '../api/create-runtime.ts'
import { startRuntimeOn } from '../api/wire-runtime.ts'
import { withoutDevice } from './without-device.ts'

interface SharedOptions extends Pick<PageOptions, 'hub' | 'maxQueued' | 'models' | 'policy' | 'traceparent'> {
  /** The program's key (`sk_…`), where the server asks for one. */
  readonly key?: string
}

/** Options of a program whose only tier is the server. */
export interface RemoteOptions extends SharedOptions {
  /** The absolute address of the server: below it are `v2/`, `v1/` and, by default, `models/`. */
  readonly server: string | URL
  readonly lanes?: false
}

/** Options of a program in Node that runs models itself. */
export interface LaneOptions
  extends SharedOptions,
    Pick<PageOptions, 'maxLanes' | 'memoryBytes' | 'timeouts'> {
  /** Runs models in processes of this program. It needs Node and the package onnxruntime-node. */
  readonly lanes: true
  /** The absolute address of the server to which requests spill. Default: none. */
  readonly server?: string | URL | null
  /** The folder in which downloaded models are kept. Default: `spillway` in the user's folder of caches. */
  readonly cache?: string | URL
}

/** Options of `createRuntime` in a program. */
export type RuntimeOptions = RemoteOptions | LaneOptions

/** Starts a runtime with lanes. */
export type StartWithLanes = (options: LaneOptions) => Promise<Runtime>

const remoteFields: FieldNames<RemoteOptions> = {
  server: true,
  key: true,
  models: true,
  hub: true,
  policy: true,
  maxQueued: true,
  traceparent: true,
  lanes: true,
}
const laneFields: FieldNames<LaneOptions> = {
  ...remoteFields,
  cache: true,
  maxLanes: true,
  memoryBytes: true,
  timeouts: true,
}

/**
 * Creates a runtime for a program in Node, Deno, Bun or on an edge: the API of a page. Its only tier is the server, and
 * policy `server` is the default: requests that may run on the device only are refused. With `lanes: true`, in Node, the
 * program runs models itself, policy `auto` is the default, and a server is optional.
 *
 * @throws SpillwayError `input_value_invalid` where an option has no valid value, `input_name_invalid` where there is no
 * such option, `not_supported` where there can be no lanes.
 * @example
 * const runtime = await createRuntime({ server: 'http://localhost:8080/' })
 * const model = await runtime.model('digits')
 * const { outputs } = await model.run({ image: new Float32Array(784) })
 * runtime.dispose()
 */
export const createRuntime = (options: RuntimeOptions): Promise<Runtime> =>
  createRuntimeWith(options, async () => {
    throw new SpillwayError('not_supported', 'createRuntime() of spillway/node has no lanes here', {
      expected: 'Node, which imports spillway/node by the condition "node"',
      got: 'a script for another platform',
      hint: 'Let the bundler build for Node and leave spillway out of the bundle, or name a server.',
    })
  })

/** The same, with lanes of the caller's. */
export async function createRuntimeWith(
  options: RuntimeOptions,
  startWithLanes: StartWithLanes,
): Promise<Runtime> {
  const lanes: unknown = Object(options).lanes
  if (lanes !== undefined && typeof lanes !== 'boolean') {
    throw new SpillwayError('input_value_invalid', 'lanes must be true or false', { got: showValue(lanes) })
  }
  const what = `createRuntime() of spillway/node${lanes ? '' : ' without lanes'}`
  refuseUnknownFields(what, options, lanes ? laneFields : remoteFields)
  if (options.lanes) {
    if (options.server !== undefined && options.server !== null) checkServer(options.server)
    return startWithLanes(options)
  }
  const { lanes: _, ...rest } = options
  checkServer(options.server)
  return startRuntimeOn(withoutDevice, { policy: 'server', ...rest }, systemClock)
}

/** @throws SpillwayError `input_value_invalid` */
function checkServer(server: unknown): void {
  if (server instanceof URL || (typeof server === 'string' && URL.canParse(server))) return
  throw new SpillwayError('input_value_invalid', 'createRuntime() of spillway/node needs a server', {
    expected: 'its absolute address, such as http://localhost:8080/',
    got: showValue(server),
    hint: 'A program in Node runs models itself with lanes: true.',
  })
}
