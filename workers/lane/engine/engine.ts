import { SpillwayError, type TensorSpec } from '../../../models/core/index.ts'
import type { RowFault } from '../../../models/core/rows/prove-rows.ts'
import type {
  BatchReply,
  BatchRequest,
  LoadReply,
  LoadRequest,
  SessionRequest,
  WarmUpReply,
} from '../../protocol/lane.ts'
import { createDecoder } from '../decode/create-decoder.ts'
import type { Decoder } from '../decode/decoder.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { isOutOfMemory } from '../runtime/run-failure.ts'
import {
  cannotRun,
  checkNames,
  createSession,
  graphBytes,
  readDecoderSetup,
  tooLarge,
} from './create-session.ts'
import { type OpenDraft, openDraft } from './open-draft.ts'
import { proveSession, rowFaultBeforeProof, unproven } from './prove-session.ts'
import { runSession } from './run-session.ts'
import { warmUp } from './warm-up.ts'

/** Sessions and their runs in one lane. */
export interface Engine {
  load(request: LoadRequest): Promise<LoadReply>
  /** @throws SpillwayError `capacity_insufficient` or `lane_lost`. A model that refuses made-up inputs is no failure. */
  warmUp(session: string): Promise<WarmUpReply>
  run(batch: BatchRequest): Promise<BatchReply>
  unload(session: string): Promise<void>
  /** The decoder of a session that was loaded to generate. */
  decoder(session: string): Decoder
}

interface Loaded {
  readonly session: OrtSession
  readonly request: SessionRequest
  readonly decoder?: Decoder
  readonly draft?: OrtSession | undefined
  /** All that a run can be asked for. */
  readonly outputs: readonly Pick<TensorSpec, 'name'>[]
  /** Why rows of several requests may not share a run. */
  rowFault: RowFault
}

/**
 * The engine over an injected runtime; the same on both tiers. It does one thing at a time: in onnxruntime-web
 * overlapping runs block the worker for good, and overlapping creates fail.
 */
export function createEngine(ort: Ort): Engine {
  const sessions = new Map<string, Loaded>()
  const exclusive = createMutex()

  const load = async (request: LoadRequest): Promise<LoadReply> => {
    const started = performance.now()
    const { source, draft: draftRequest, ...rest } = request
    const graph = request.generate && (await graphBytes(ort, source))
    const generate = request.generate && readDecoderSetup(request.generate, request.backend, graph)
    const session = await createSession(ort, { ...request, generate }, graph)
    const loadMs = performance.now() - started
    let decoder: Decoder | undefined
    let draft: OpenDraft | undefined
    let rowFault: RowFault = null
    const draftOf = async () => {
      // What it guesses could not be verified otherwise.
      if (generate?.isExact) draft = await openDraft(ort, { ...rest, draft: draftRequest })
      return draft?.options
    }
    try {
      if (generate) decoder = await createDecoder(ort, session, request.backend, generate, exclusive, draftOf)
      else if (!request.graphOptions) {
        checkNames(request, session)
        rowFault = await rowFaultBeforeProof(ort, request)
      }
    } catch (cause) {
      await session.release()
      if (isOutOfMemory(cause)) throw tooLarge(request.session, request.backend, cause)
      if (cause instanceof SpillwayError && cause.code === 'run_failed') throw cannotRun(request, cause)
      throw cause
    }
    await unload(request.session)
    sessions.set(request.session, {
      session,
      request: rest,
      outputs: request.graphOptions ? session.outputMetadata : request.outputs,
      rowFault,
      ...(decoder && { decoder }),
      draft: draft?.session,
    })
    const { inputMetadata: inputs, outputMetadata: outputs } = session
    return { loadMs, ...(request.graphOptions && { signature: { inputs, outputs } }) }
  }

  const warmUpSession = async (name: string): Promise<WarmUpReply> => {
    const loaded = find(name)
    const { session, request } = loaded
    const started = performance.now()
    // A decoder ran when it was made.
    const fault = loaded.decoder ? undefined : await warmUp(ort, session, request)
    if (loaded.rowFault === unproven) {
      loaded.rowFault = await proveSession(ort, session, request, performance.now() - started)
    }
    return { warmUpMs: performance.now() - started, ...(fault !== undefined && { fault }) }
  }

  const find = (session: string): Loaded => {
    const loaded = sessions.get(session)
    if (loaded) return loaded
    throw new SpillwayError('internal', `No session "${session}" in this lane`)
  }

  const run = async (
    { session, inputs, isShared, outputs: names }: BatchRequest,
    receivedAt: number,
  ): Promise<BatchReply> => {
    const loaded = find(session)
    if (loaded.decoder) {
      throw new SpillwayError('not_supported', `${session} is a language model`, {
        expected: 'sequences to continue',
        got: 'a batch of tensors',
        hint: 'Use the interfaces for text.',
      })
    }
    if (isShared && loaded.rowFault !== null) {
      throw new SpillwayError('rows_dependent', `${session} does not batch: ${loaded.rowFault}`)
    }
    const wanted = names ? loaded.outputs.filter(({ name }) => names.includes(name)) : loaded.outputs
    const ran = await runSession(ort, loaded.session, inputs, wanted)
    return { ...ran, laneMs: performance.now() - receivedAt }
  }

  const unload = async (session: string): Promise<void> => {
    const loaded = sessions.get(session)
    sessions.delete(session)
    loaded?.decoder?.close(new SpillwayError('lane_lost', `${session} was unloaded`))
    await loaded?.draft?.release()
    await loaded?.session.release()
  }

  return {
    load: (request) => exclusive(() => load(request)),
    warmUp: (session) => exclusive(() => warmUpSession(session)),
    run: (batch) => {
      const receivedAt = performance.now()
      return exclusive(() => run(batch, receivedAt))
    },
    unload: (session) => exclusive(() => unload(session)),
    decoder: (session) => {
      const { decoder } = find(session)
      if (decoder) return decoder
      throw new SpillwayError('internal', `${session} was not loaded to generate`)
    },
  }
}

/** Runs one piece of work after the other. One that fails does not fail the next. */
function createMutex() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
}
