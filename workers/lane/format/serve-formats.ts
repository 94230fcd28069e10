import { SpillwayError } from '../../../models/core/index.ts'
import { FormatEngine } from './format-engine.ts'
import { type GrammarLibrary, loadXgrammar } from './load-xgrammar.ts'
import type { Allowed, FormatCall, FormatReply, Vocabulary } from './messages.ts'

/**
 * Answers calls in their order.
 *
 * @param load Imports xgrammar's script.
 * @returns Takes a call.
 */
export function serveFormats(
  load: () => Promise<unknown>,
  send: (reply: FormatReply) => void,
): (call: FormatCall) => void {
  let library: Promise<GrammarLibrary> | undefined
  let engine: Promise<FormatEngine> | undefined
  let last: Promise<void> = Promise.resolve()

  const create = async (vocabulary: Vocabulary): Promise<FormatEngine> => {
    library ??= loadXgrammar(load)
    return FormatEngine.create(await library, vocabulary)
  }
  const answer = async (call: FormatCall): Promise<Allowed | undefined> => {
    if (!engine) throw new SpillwayError('internal', 'A format came before the vocabulary')
    if ('open' in call) return (await engine).open(call.text, call.open)
    if ('token' in call) return (await engine).next(call.text, call.token)
    if ('close' in call) (await engine).close(call.close)
    return undefined
  }
  const handle = async (call: FormatCall): Promise<void> => {
    const reply = 'call' in call ? call.call : undefined
    try {
      const allowed = await answer(call)
      if (reply !== undefined && allowed) send({ reply, allowed })
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The format could not be followed')
      if (reply !== undefined) send({ reply, error: error.toWire() })
    }
  }
  return (call) => {
    if ('vocabulary' in call) {
      engine = create(call.vocabulary)
      // A call that needs it reports the failure.
      engine.catch(() => undefined)
      return
    }
    last = last.then(() => handle(call))
  }
}
