import type { Backend } from '../../../models/core/index.ts'

/**
 * What runs cost, as it was measured, and the assumptions where nothing was. SCALING.md has the sources of each figure.
 * Milliseconds of a lane on the measured machine; classes of devices multiply them.
 */

/** A run takes `fixedMs`, and `rowMs` for each row. */
export interface RunCost {
  readonly fixedMs: number
  readonly rowMs: number
}

/** A text is read in `fixedMs` and `promptMs` a token; a step of several texts takes `moreMs` longer for each further one. */
export interface TextCost {
  readonly fixedMs: number
  readonly promptMs: number
  readonly stepMs: number
  readonly moreMs: number
}

export type Costs<T> = Readonly<Partial<Record<Backend, T>>>

/**
 * `digits`: 2,461 lone calls a second on WASM and 296 on the GPU, 13,254 and 14,616 with 64 at once (gpu-bench, 5).
 * The server: 8,460 requests a second of mnist-mlp on two cores (RESULTS.md, server), a run of which costs next to nothing.
 */
export const visionCosts: Costs<RunCost> = {
  wasm: { fixedMs: 0.34, rowMs: 0.07 },
  webgpu: { fixedMs: 3.36, rowMs: 0.016 },
  cpu: { fixedMs: 0.05, rowMs: 0.01 },
}

/**
 * magika: WASM 16 ms a row; GPU 13 ms for one and 0.73 ms a row of 256 (gpu-bench, 5). The server: 10.9 ms of CPU a
 * request (RESULTS.md, server). It stands for an encoder of sentences, whose arithmetic is of the same order.
 */
export const encoderCosts: Costs<RunCost> = {
  wasm: { fixedMs: 0.5, rowMs: 15.5 },
  webgpu: { fixedMs: 12.3, rowMs: 0.68 },
  cpu: { fixedMs: 0.2, rowMs: 10.7 },
}

/**
 * Qwen2.5-0.5B in 4 bits (gpu-bench, table): ours 40 tokens a second alone and 214 for eight at once, the first token
 * after 42 ms for a prompt of 128 and 108 ms for 1,024; the server on the same GPU 14 and 46, after 117 and 410 ms.
 * WASM: a step of 15M parameters in floats takes 5 ms (RESULTS.md, generate-1: 325 ms for 64), so 33 times as long.
 */
export const chatCosts: Costs<TextCost> = {
  webgpu: { fixedMs: 32.6, promptMs: 0.0737, stepMs: 25, moreMs: 1.77 },
  wasm: { fixedMs: 50, promptMs: 40, stepMs: 165, moreMs: 8 },
  cuda: { fixedMs: 75, promptMs: 0.327, stepMs: 71.4, moreMs: 14.6 },
}

/** Milliseconds of a server's CPU for the HTTP of one request (RESULTS.md, server: 146 µs for mnist-mlp, run included). */
export const httpCpuMs = 0.14

/** Milliseconds to start a lane and create a session of a small model, and of the language model (gpu-bench: 1.6 s at the second visit). */
export const startMs = 300
export const chatStartMs = 1_600

/** Bytes of ONNX Runtime on the wire (CHANGELOG: 3 to 7 MB). */
export const runtimeBytes = 5e6

/** A class of devices. The factors multiply the measured costs; shares and factors are assumptions. */
export interface DeviceClass {
  readonly name: string
  readonly share: number
  /** Undefined: no WebGPU. It multiplies what rows and steps cost; reading back costs what it does everywhere. */
  readonly gpuFactor: number | undefined
  readonly cpuFactor: number
  readonly memoryBudget: number
  /** Megabits a second of its connection, and milliseconds of a round trip. */
  readonly megabits: number
  readonly roundTripMs: number
}

const gibibyte = 2 ** 30

export const deviceClasses: readonly DeviceClass[] = [
  {
    name: 'gaming PC',
    share: 0.15,
    gpuFactor: 1,
    cpuFactor: 1,
    memoryBudget: 2 * gibibyte,
    megabits: 100,
    roundTripMs: 25,
  },
  {
    name: 'laptop',
    share: 0.35,
    gpuFactor: 2.5,
    cpuFactor: 1.5,
    memoryBudget: 2 * gibibyte,
    megabits: 50,
    roundTripMs: 35,
  },
  {
    name: 'phone',
    share: 0.3,
    gpuFactor: 5,
    cpuFactor: 2.5,
    memoryBudget: 1.5 * gibibyte,
    megabits: 25,
    roundTripMs: 60,
  },
  {
    name: 'old phone',
    share: 0.12,
    gpuFactor: undefined,
    cpuFactor: 8,
    memoryBudget: 0.5 * gibibyte,
    megabits: 8,
    roundTripMs: 90,
  },
  {
    name: 'no WebGPU',
    share: 0.08,
    gpuFactor: undefined,
    cpuFactor: 2.2,
    memoryBudget: 2 * gibibyte,
    megabits: 30,
    roundTripMs: 40,
  },
]

/** Dollars an hour of a server with one core, and of one with a GPU: assumptions, as cloud providers list them. */
export const prices = { cpu: 0.04, gpu: 2.5 }

/** The share of its capacity at which a server is planned to run. */
export const plannedUse = 0.7
