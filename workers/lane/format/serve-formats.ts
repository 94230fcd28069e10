import { systemClock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { FormatEngine } from './format-engine.ts'
import { type GrammarLibrary, loadXgrammar } from './load-xgrammar.ts'
import type { FormatCall, FormatReply, Outlook, Vocabulary } from './messages.ts'

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
    return FormatEngine.create(await library, vocabulary, systemClock)
  }
  const answer = async (call: FormatCall): Promise<Outlook | undefined> => {
    if (!engine) throw new SpillwayError('internal', 'A format came before the vocabulary')
    if ('close' in call) (await engine).close(call.close)
    if (!('step' in call)) return undefined
    const { text, open, step } = call
    if (open) await (await engine).open(text, open)
    return (await engine).next(text, step)
  }
  const handle = async (call: FormatCall): Promise<void> => {
    const reply = 'call' in call ? call.call : undefined
    try {
      const outlook = await answer(call)
      if (reply !== undefined && outlook) send({ reply, outlook })
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The format could not be followed')
      if (reply !== undefined) send({ reply, error: error.toWire() })
    }
  }
  return (call) => {
    if ('vocabulary' in call) {
      engine = create(call.vocabulary)
      engine.then(
        () => send({ isReady: true }),
        (cause) => {
          const error = SpillwayError.from(cause, 'run_failed', 'The grammar engine did not start')
          send({ failure: error.toWire() })
        },
      )
      return
    }
    last = last.then(() => handle(call))
  }
}
