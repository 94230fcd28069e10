import { Breaker } from '../../models/async/circuit-breaker.ts'
import { checkInputs, type Manifest, type Policy, SpillwayError } from '../../models/core/index.ts'
import type { Capacity } from '../../web/device/capacity.ts'
import { DeviceSession } from '../../web/device/device-session.ts'
import type { TierClients } from '../../web/placement/dispatcher.ts'
import { Router } from '../../web/placement/router.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import type { RunAnswer, WaitOptions } from '../../workers/host/scheduler/work.ts'
import { emptyGraph } from './empty-graph.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { digitsManifest } from './test-models.ts'

export const phone: Capacity = {
  gpu: null,
  wasm: { simd: true, jspi: false, threads: 1 },
  workers: true,
  memoryBudget: 2 ** 30,
  storage: null,
}

/** How a tier treats its next requests; by default it answers at once. */
export type Behaviour = (wait: WaitOptions) => Promise<void>

export interface HarnessOptions {
  readonly clock?: ManualClock
  /** In place of a server that answers as `server` says; `null` for none. */
  readonly remote?: TierClients['remote']
}

export interface Harness {
  readonly router: Router
  readonly clock: ManualClock
  readonly requests: { device: string[]; server: number }
  device: Behaviour
  server: Behaviour
  prepare: (session: DeviceSession) => Promise<void>
  /** The estimated milliseconds of each tier. */
  estimates: { device: number; server: number }
  run(policy?: Policy, wait?: WaitOptions): ReturnType<Router['run']>
}

export const answerAtOnce = async () => {}
const inputs = checkInputs(digitsManifest, { image: new Float32Array(784) })

export function createHarness(
  manifest: Manifest = digitsManifest,
  { clock = createManualClock(), remote: given }: HarnessOptions = {},
): Harness {
  const ready = new Set<DeviceSession>()
  const sessions = new Map<string, DeviceSession>()
  const answer = (backend: 'wasm' | 'cpu'): RunAnswer => ({
    outputs: {},
    executedOn: { backend, variant: 'fp32' },
    queueMs: 0,
    computeMs: 0,
    costMs: 0,
    answeredAt: clock.now(),
    batchRows: 1,
  })
  const device: TierClients['device'] = {
    session: (manifest, variant, backend) => {
      const key = `${backend}/${variant.id}`
      const session = sessions.get(key) ?? new DeviceSession(manifest, variant, backend, emptyGraph)
      sessions.set(key, session)
      return session
    },
    isReady: (session) => ready.has(session),
    isLoaded: (session) => ready.has(session),
    onReady: () => {},
    calibrate: async () => {},
    unload: async () => {},
    hasRoomFor: () => true,
    whenQuiet: async () => false,
    finishMs: () => harness.estimates.device,
    costOf: () => new CostCurve(),
    prepare: async (session) => {
      await harness.prepare(session)
      ready.add(session)
    },
    submit: async (work, wait, handler) => {
      harness.requests.device.push(work.source.variant)
      try {
        await harness.device(wait)
      } catch (cause) {
        return handler.onError(SpillwayError.from(cause, 'internal', 'failed'), work, wait)
      }
      return handler.onResult(answer('wasm'), work)
    },
    estimate: () => ({ queueMs: 0, runMs: harness.estimates.device }),
    isSaturated: false,
  }
  const remote: TierClients['remote'] = {
    breaker: new Breaker(clock),
    submit: async (_manifest, _work, wait) => {
      harness.requests.server++
      await harness.server(wait)
      return answer('cpu')
    },
    estimate: () => ({ queueMs: 0, runMs: harness.estimates.server }),
    isSaturated: false,
  }
  const calibrations = { recall: async () => {}, costsOf: () => ({}) }
  const router = new Router({
    capacity: () => Promise.resolve(phone),
    device,
    remote: given === undefined ? remote : given,
    calibrations,
    clock,
  })
  const harness: Harness = {
    router,
    clock,
    requests: { device: [], server: 0 },
    device: answerAtOnce,
    server: answerAtOnce,
    prepare: answerAtOnce,
    estimates: { device: 1, server: 10 },
    run: (policy = 'auto', wait = {}) => router.run(manifest, inputs, { ...wait, policy }),
  }
  return harness
}

export const fail =
  (...[code, message, detail]: ConstructorParameters<typeof SpillwayError>): Behaviour =>
  () =>
    Promise.reject(new SpillwayError(code, message, detail))

/** Lets what was started get as far as it can without time: all promises have their turn before this. */
export const settle = () => new Promise(setImmediate)

/** A harness whose device has the model loaded. */
export async function createLoadedHarness(...options: Parameters<typeof createHarness>) {
  const harness = createHarness(...options)
  await harness.run('device')
  harness.requests.device.length = 0
  return harness
}
