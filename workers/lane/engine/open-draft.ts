import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { LoadRequest } from '../../protocol/lane.ts'
import { openGraph } from '../decode/create-decoder.ts'
import type { DraftModelOptions } from '../decode/draft-model.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { createSession, graphBytes, readDecoderSetup } from './create-session.ts'

export interface OpenDraft {
  readonly session: OrtSession
  readonly options: DraftModelOptions
}

/**
 * Loads the draft model of a request. Texts come without it as well, only later: where its memory does not suffice, or it
 * cannot run, it is left out, and the lane's console says so.
 * @throws SpillwayError `lane_lost`
 */
export async function openDraft(
  ort: Ort,
  { draft, session: target, backend, ...request }: Omit<LoadRequest, 'source'>,
): Promise<OpenDraft | undefined> {
  if (!draft) return undefined
  const { model, source, spec, kvType } = draft
  let session: OrtSession | undefined
  try {
    const limits = { slots: 1, maxSlots: 1, maxBytes: Number.POSITIVE_INFINITY }
    const graph = await graphBytes(ort, source)
    const generate = readDecoderSetup({ spec, kvType, ...limits }, backend, graph)
    session = await createSession(ort, { ...request, session: model, backend, source, generate }, graph)
    const opened = await openGraph(ort, session, backend, generate)
    return { session, options: { ...opened, model, context: spec.context } }
  } catch (cause) {
    await session?.release()
    if (cause instanceof SpillwayError && cause.code === 'lane_lost') throw cause
    // biome-ignore lint/suspicious/noConsole: Nothing fails, so no error would tell a developer why texts are slower.
    console.warn(`spillway: ${target} does without its draft model ${model}: ${messageOf(cause)}`)
    return undefined
  }
}
