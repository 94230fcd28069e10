import { type Placement, SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { Model } from '../../api/model.ts'
import type { FrameCall, PageMessage } from './messages.ts'

/** Calls the page's runtime for a program. Its arguments are checked as those of any caller. */
export function answerCalls(
  runtime: Runtime,
  send: (message: PageMessage) => void,
  onPlacement: (placement: Placement) => void,
  signal: AbortSignal,
): (call: FrameCall) => Promise<void> {
  const models: Model[] = []

  const open = async ([source]: readonly unknown[]) => {
    const model = await runtime.model(String(source), { signal })
    return { model: models.push(model) - 1, manifest: model.manifest }
  }
  const modelOf = ({ model = -1, method }: FrameCall): Model => {
    const found = models[model]
    if (found) return found
    throw new SpillwayError('model_unknown', `"${method}" was called without a model`)
  }
  const methods: Readonly<Record<string, (call: FrameCall) => Promise<unknown>>> = {
    model: ({ args }) => open(args),
    run: async (call) => {
      const answer = await modelOf(call).run(...argumentsOf<Model['run']>(call, signal))
      onPlacement(answer.placement)
      return answer
    },
    embed: (call) => modelOf(call).embed(...argumentsOf<Model['embed']>(call, signal)),
    generate: async (call) => {
      const stream = modelOf(call).generate(...argumentsOf<Model['generate']>(call, signal))
      for await (const piece of stream) {
        onPlacement(piece.placement)
        send({ call: call.call, piece })
      }
      return stream.result
    },
  }

  return async (call) => {
    try {
      const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined
      const result = await method?.(call)
      if (!signal.aborted) send({ call: call.call, result })
    } catch (cause) {
      if (!signal.aborted)
        send({ call: call.call, error: SpillwayError.from(cause, 'internal', 'The call failed').toWire() })
    }
  }
}

/** The runtime checks what it is given; the types are those of correct calls. */
function argumentsOf<Method extends (...args: never[]) => unknown>(
  { args: [first, options] }: FrameCall,
  signal: AbortSignal,
): Parameters<Method> {
  return [first, { ...Object(options), signal }] as Parameters<Method>
}
