import { withAbort } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { type Policy, SpillwayError } from '../../../models/core/index.ts'
import { queueHeader } from '../../../models/protocols/oip.ts'
import { Router, type TextTarget } from '../../../web/placement/router.ts'
import { SecondBackend } from '../../../web/placement/second-backend.ts'
import { RemoteTier, type Transport } from '../../../web/remote/remote-tier.ts'
import { SegmentTimes } from '../../../web/text/segment-times.ts'
import { TextBalance } from '../../../web/text/text-balance.ts'
import type { GeneratedToken, TokenRequest } from '../../../workers/protocol/generation.ts'
import type { DeviceClass } from './figures.ts'
import type { Fleet } from './fleet.ts'
import type { Random } from './random.ts'
import { capacityOf, type DeviceProfile, SimulatedDevice } from './simulated-device.ts'
import type { Tally } from './tally.ts'
import { delay, VisitorClock } from './visitor-clock.ts'

export interface Visit extends DeviceProfile {
  readonly caller: string
  readonly policy: Policy
  readonly clock: Clock
  readonly random: Random
  readonly fleet: Fleet
  /** Where its requests are counted: of the model, of the span of time. */
  readonly tallies: () => readonly Tally[]
}

/** Milliseconds after which a visitor gives up waiting. */
const patienceMs = 60_000

const address = new URL('https://ai.example.com/')
const extensions: Transport['extensions'] = { binary: true, discover: async () => true }

const numbers = Array.from({ length: 65 }, (_, rows) => new Float32Array(rows))

/** One visitor: a page with its own router, device tier and server tier, which asks, waits, thinks and leaves. */
export class Visitor {
  readonly #visit: Visit
  readonly #clock: VisitorClock
  readonly #device: SimulatedDevice
  readonly #router: Router
  readonly #balance: TextBalance
  readonly #roundTripMs: number
  #isOpen = false

  constructor(visit: Visit) {
    const { deviceClass, policy } = visit
    this.#visit = visit
    this.#clock = new VisitorClock(visit.clock)
    const clock = this.#clock
    this.#roundTripMs = deviceClass.roundTripMs
    this.#device = new SimulatedDevice(clock, visit)
    const { manifest } = visit.workload
    this.#balance = new TextBalance({ manifest, calibrations: this.#device.textCalibrations, clock })
    const transport: Transport = { infer: this.#infer, extensions }
    this.#router = new Router({
      device: this.#device.tier,
      remote: policy === 'device' ? null : new RemoteTier(address, clock, transport),
      capacity: async () => capacityFor(deviceClass),
      secondBackend: (parts) => new SecondBackend(parts),
      calibrations: { recall: async () => {}, costsOf: () => this.#device.costs() },
      clock,
    })
  }

  /** From the opening of the page until it is left. */
  async run(): Promise<void> {
    const { workload, random } = this.#visit
    const { requests, thinkMs } = workload
    const count = Math.max(1, random.whole(1, 2 * requests - 1))
    for (let made = 0; made < count; made++) {
      if (made > 0) await delay(this.#clock, random.exponential(thinkMs))
      await this.#ask()
    }
    this.#clock.close()
  }

  async #ask(): Promise<void> {
    const { workload, tallies } = this.#visit
    const clock = this.#clock
    const startedAt = clock.now()
    const counted = tallies()
    for (const tally of counted) tally.asked++
    try {
      // The page opens the model again where that failed.
      if (!this.#isOpen) await this.#open()
      const placement = await (workload.texts ? this.#writeText() : this.#runOnce())
      const ms = (placement.firstAt ?? clock.now()) - startedAt
      for (const tally of counted) tally.answered(placement, ms)
    } catch (cause) {
      const { code } = SpillwayError.from(cause, 'internal', 'A visitor')
      if (code === 'internal') throw cause
      for (const tally of counted) tally.failed(code)
    }
  }

  /** As `runtime.model()`: it waits for the device only where the policy has no other place. */
  async #open(): Promise<void> {
    const { workload, policy } = this.#visit
    const opened = this.#router.prepare(workload.manifest, { policy })
    await withTimeout(this.#clock, patienceMs, opened, () => new SpillwayError('aborted', 'The visitor left'))
    this.#isOpen = true
  }

  async #runOnce() {
    const { workload, policy, random } = this.#visit
    const { manifest, mostRows, deadlineMs } = workload
    const rows = mostRows === 1 ? 1 : random.whole(1, mostRows)
    const tensors = {
      x: { type: 'float32', data: numbers[rows] ?? new Float32Array(rows), shape: [rows, 1] },
    } as const
    const { placement } = await this.#router.run(manifest, { tensors, rows }, { policy, deadlineMs })
    return { tier: placement.tier, reason: placement.reason, firstAt: undefined }
  }

  /** One text; it is answered with its first token, after which the visitor reads on. */
  async #writeText() {
    const { workload, policy } = this.#visit
    const patience = new AbortController()
    const cancelPatience = this.#clock.after(patienceMs, () => patience.abort())
    const { manifest, texts } = workload
    let made = 0
    let firstAt: number | undefined
    let decision: TextTarget['decision'] | undefined
    const move = {
      estimateSpill: (session: Parameters<SimulatedDevice['generator']>[0]) => {
        const { slots, running, waiting } = this.#device.generator(session).load
        if (running + waiting >= slots) return { slots, taken: running + waiting }
        return this.#balance.weigh(session, texts?.promptTokens ?? 1, texts?.tokens)
      },
      preferredVariant: () => undefined,
    }
    await this.#router.streamWithFailover(
      manifest,
      { policy, signal: patience.signal },
      move,
      async (target) => {
        const { signal, session } = target
        // A place may be lost between the last token and the end.
        if (made > 0 && made === texts?.tokens) return
        const request: TokenRequest = {
          prompt: promptOf(texts?.promptTokens ?? 1),
          generated: made,
          maxTokens: (texts?.tokens ?? 1) - made,
          stopTokens: [],
          sampling: {},
        }
        const times = new SegmentTimes(this.#clock)
        times.add({ text: '', tokens: [], promptTokens: request.prompt })
        const onTokens = (tokens: readonly GeneratedToken[]) => {
          made += tokens.length
          times.add({ text: '', tokens })
          if (firstAt === undefined) {
            firstAt = this.#clock.now()
            decision = target.decision
            cancelPatience()
          }
          target.markProgress()
        }
        try {
          if (session) {
            const stream = this.#device.generator(session).generate(request, { signal })
            for await (const tokens of stream) onTokens(tokens)
          } else await this.#streamFromServer(request, signal, onTokens)
        } finally {
          const hasLeft = signal?.aborted === true
          if (session) this.#balance.deviceWrote(session, times, hasLeft)
          else this.#balance.serverWrote(times, hasLeft)
        }
      },
    )
    if (!decision) throw new SpillwayError('model_output_invalid', 'The text has no token')
    return { ...decision, firstAt }
  }

  #streamFromServer(
    request: TokenRequest,
    signal: AbortSignal | undefined,
    onTokens: (tokens: readonly GeneratedToken[]) => void,
  ) {
    const { workload, caller, fleet } = this.#visit
    const clock = this.#clock
    return withAbort(
      signal,
      delay(clock, this.#roundTripMs).then(() =>
        fleet.exchange(workload, async (replica) => {
          const generator = replica.generator(workload)
          const refusal = generator.refusal?.(1, request.prompt.length, { caller })
          if (refusal) throw refusal
          for await (const tokens of generator.generate(request, { signal, caller })) onTokens(tokens)
        }),
      ),
    )
  }

  /** Over the network and back; takes the place of `infer` in the real server tier. */
  readonly #infer: Transport['infer'] = (_server, _manifest, inputs, { signal, withinMs, onHeaders }) => {
    const { workload, caller, fleet } = this.#visit
    const clock = this.#clock
    const rows = inputs.x?.shape[0] ?? 1
    const halfMs = this.#roundTripMs / 2
    const exchange = async () => {
      await delay(clock, halfMs)
      const wait = { deadlineMs: withinMs, caller }
      const { answer, queueMs } = await fleet.exchange(workload, async (replica) => ({
        answer: await replica.infer(workload, rows, inputs, { ...wait, signal }),
        queueMs: replica.queueMs(workload),
      }))
      await delay(clock, halfMs)
      onHeaders(new Headers({ [queueHeader]: queueMs.toFixed(1) }))
      const { executedOn, queueMs: waitedMs, computeMs } = answer
      return { outputs: {}, ...executedOn, queueMs: waitedMs, computeMs }
    }
    return withAbort(signal, exchange())
  }
}

const capacities = new Map<DeviceClass, ReturnType<typeof capacityOf>>()

function capacityFor(deviceClass: DeviceClass) {
  let capacity = capacities.get(deviceClass)
  if (!capacity) {
    capacity = capacityOf(deviceClass)
    capacities.set(deviceClass, capacity)
  }
  return capacity
}

const prompts = new Map<number, readonly number[]>()

function promptOf(tokens: number): readonly number[] {
  let prompt = prompts.get(tokens)
  if (!prompt) {
    prompt = new Array<number>(tokens).fill(1)
    prompts.set(tokens, prompt)
  }
  return prompt
}
