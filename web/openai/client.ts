import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { importOnce } from '../../models/async/import-code.ts'
import { checkSignal } from '../api/check-options.ts'
import type { OpenAiSources, TextsKind } from './answers.ts'
import type { OpenAiClient, OpenAiOptions } from './types.ts'

/** The client's object. Its code is imported with the first call. */
export function createOpenAiClient(clock: Clock, sources: OpenAiSources): OpenAiClient {
  const load = importOnce(clock, 'OpenAI requests', async () => {
    const { OpenAiAnswers } = await import('./answers.ts')
    return new OpenAiAnswers(sources, clock)
  })
  const answers = ({ signal }: OpenAiOptions) => {
    checkSignal(signal)
    return withAbort(signal ?? undefined, load())
  }
  const create =
    (kind: TextsKind) =>
    async (request: object, options: OpenAiOptions = {}) =>
      (await answers(options)).texts(kind, request, options)
  return {
    chat: { completions: { create: create('chat') as OpenAiClient['chat']['completions']['create'] } },
    completions: { create: create('completion') as OpenAiClient['completions']['create'] },
    responses: { create: create('response') as OpenAiClient['responses']['create'] },
    embeddings: {
      create: async (request, options = {}) => (await answers(options)).embeddings(request, options),
    },
  }
}
