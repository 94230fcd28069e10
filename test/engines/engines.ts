/** The cases of the core suite, and what each shows: the rows of the table in README. */
export const cases = {
  load: 'loads a model, with progress',
  run: 'runs it on the device; calls made together share runs',
  cache: 'keeps the model and ONNX Runtime',
  'second visit': 'downloads nothing at the second visit',
  'fall back': 'is answered by the server where the device fails',
  generate: 'generates text on the device, the same for the same seed',
  abort: 'aborts runs and texts',
  failover: 'goes on with a text whose server is lost',
  embed: 'runs on an isolated page of another origin',
  'sandboxed frame': 'runs in a sandboxed frame',
  elements: 'draws and chats with the elements, under a strict policy',
  'private window': 'runs in a private window',
  'blocked storage': 'runs where storage is blocked',
  'offline reload': 'reloads the site and runs a model without a network',
} as const satisfies Readonly<Record<string, string>>

export type CaseName = keyof typeof cases
export const caseNames = Object.keys(cases) as CaseName[]

/** An engine, and why it cannot do a case. */
export interface Engine {
  /** As the table's column begins. */
  readonly name: string
  /** How many numbers of its version tell its release. */
  readonly versionNumbers: number
  /** Debian's packages for it. The tests find or install Chromium by themselves. */
  readonly packages: readonly string[]
  readonly cannot: Readonly<Partial<Record<CaseName, string>>>
}

export const engines = {
  chromium: { name: 'Chromium', versionNumbers: 1, packages: [], cannot: {} },
  firefox: { name: 'Firefox', versionNumbers: 1, packages: ['firefox-esr'], cannot: {} },
  webkit: { name: 'WebKitGTK', versionNumbers: 2, packages: ['webkit2gtk-driver', 'xvfb'], cannot: {} },
} as const satisfies Readonly<Record<string, Engine>>

export type EngineId = keyof typeof engines
export const engineIds = Object.keys(engines) as EngineId[]
