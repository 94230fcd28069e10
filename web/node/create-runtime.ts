import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { type FieldNames, refuseUnknownFields } from '../../models/core/known-fields.ts'
import { showValue } from '../../models/core/wording.ts'
import type { RuntimeOptions as PageOptions, Runtime } from '../api/create-runtime.ts'
import { startRuntimeOn } from '../api/wire-runtime.ts'
import { withoutDevice } from './without-device.ts'

/** Options of `createRuntime` in a program. */
export interface RuntimeOptions
  extends Pick<PageOptions, 'hub' | 'maxQueued' | 'models' | 'policy' | 'traceparent'> {
  /** The absolute address of the server: below it are `v2/`, `v1/` and, by default, `models/`. */
  readonly server: string | URL
  /** The program's key (`sk_…`), where the server asks for one. */
  readonly key?: string
}

const fields: FieldNames<RuntimeOptions> = {
  server: true,
  key: true,
  models: true,
  hub: true,
  policy: true,
  maxQueued: true,
  traceparent: true,
}

/**
 * Creates a runtime for a program in Node, Deno, Bun or on an edge: the API of a page, with the server as its only tier.
 * Policy `server` is the default. Requests that may run on the device only are refused.
 *
 * @throws SpillwayError `input_value_invalid` where an option has no valid value, `input_name_invalid` where there is no
 * such option.
 * @example
 * const runtime = await createRuntime({ server: 'http://localhost:8080/' })
 * const model = await runtime.model('digits')
 * const { outputs } = await model.run({ image: new Float32Array(784) })
 * runtime.dispose()
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  refuseUnknownFields('createRuntime() of spillway/node', options, fields)
  const server: unknown = options.server
  if (!(server instanceof URL) && !(typeof server === 'string' && URL.canParse(server))) {
    throw new SpillwayError('input_value_invalid', 'createRuntime() of spillway/node needs a server', {
      expected: 'its absolute address, such as http://localhost:8080/',
      got: showValue(server),
    })
  }
  return startRuntimeOn(withoutDevice, { policy: 'server', ...options }, systemClock)
}
