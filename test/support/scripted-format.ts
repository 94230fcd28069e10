import { systemClock } from '../../models/async/clock.ts'
import { FormatEngine } from '../../workers/lane/format/format-engine.ts'
import { loadXgrammar } from '../../workers/lane/format/load-xgrammar.ts'
import { isSet } from '../../workers/lane/format/token-mask.ts'
import type { TokenRequest } from '../../workers/protocol/generation.ts'

const engines = new Map<string, Promise<FormatEngine>>()
let library: ReturnType<typeof loadXgrammar> | undefined
let lastText = 0

function engineOf(pieces: string): Promise<FormatEngine> {
  library ??= loadXgrammar(() => import('@mlc-ai/web-xgrammar'))
  const engine =
    engines.get(pieces) ??
    library.then((loaded) =>
      FormatEngine.create(loaded, { pieces, size: pieces.split('\n').length }, systemClock),
    )
  engines.set(pieces, engine)
  return engine
}

/** A scripted text that is held to its format by the engine that lanes have. */
export interface HeldScript {
  readonly isEnd: boolean
  /** The script's token where it is allowed, else the next allowed one by number. */
  choose(token: number): number
  goOn(token: number): Promise<void>
  close(): void
}

/** Nothing where the request has no format. */
export async function holdScript(request: TokenRequest): Promise<HeldScript | undefined> {
  const { format: asked, prompt, generated, stopTokens } = request
  if (!asked) return undefined
  const { format, vocabulary = '', forbidden = [] } = asked
  const engine = await engineOf(vocabulary)
  const text = ++lastText
  const tokens = prompt.slice(prompt.length - generated)
  await engine.open(text, { format, stopTokens, forbidden })
  const goOn = (tokens: readonly number[]) => engine.next(text, { tokens, proposed: [], most: 0 })
  let { allowed } = await goOn(tokens)
  return {
    get isEnd() {
      return allowed.isEnd
    },
    choose(token) {
      const { mask } = allowed
      const count = 32 * mask.length
      for (let step = 0; step < count; step++)
        if (isSet(mask, (token + step) % count)) return (token + step) % count
      throw new Error('The engine allowed no token')
    },
    async goOn(token) {
      allowed = (await goOn([token])).allowed
    },
    close: () => engine.close(text),
  }
}
