import { setMaxListeners } from 'node:events'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { AsyncQueue } from '../../models/async/async-queue.ts'
import type { Admit } from '../auth/limits/limit-requests.ts'
import type { GrpcCall } from './call.ts'
import type { FailCall } from './fail-call.ts'
import type { EncodedInferRequest, EncodedStreamResponseSchema } from './generated/encoded_infer_pb.ts'
import { type InferOptions, infer } from './infer.ts'
import type { LogCall } from './observe-call.ts'

export interface StreamInferOptions extends InferOptions {
  /** Admits each message by the limits of its caller. */
  readonly admit: Admit | undefined
  readonly fail: FailCall
  readonly logCall: LogCall
}

type StreamResponse = MessageInitShape<typeof EncodedStreamResponseSchema>

/** Messages of one stream that wait and run at once: they share runs. */
const mostAtOnce = 64

/** Runs the requests of a stream, and answers them in their order. One that fails is answered with its error. */
export async function* streamInfer(
  options: StreamInferOptions,
  call: GrpcCall,
  messages: AsyncIterable<EncodedInferRequest>,
  signal: AbortSignal,
): AsyncGenerator<StreamResponse, void, undefined> {
  // Each message listens to it, which is no leak: Node would warn of it on stderr.
  setMaxListeners(0, signal)
  const answers = new AsyncQueue<Promise<StreamResponse>>()
  let running = 0
  let wake = () => {}
  const read = async () => {
    try {
      for await (const message of messages) {
        answers.push(answerOne(options, call, message, signal))
        if (++running < mostAtOnce) continue
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      answers.end()
    } catch (cause) {
      answers.fail(cause)
    }
  }
  void read()
  try {
    for await (const answer of answers) {
      yield await answer
      running--
      wake()
    }
  } catch (cause) {
    throw options.fail(call, cause)
  }
}

/** Never rejects: an error is an answer. */
async function answerOne(
  { admit, fail, logCall, ...options }: StreamInferOptions,
  stream: GrpcCall,
  message: EncodedInferRequest,
  signal: AbortSignal,
): Promise<StreamResponse> {
  const call = stream.message(options.clock.now())
  let release = () => {}
  try {
    const allowance = await admit?.(call, 'rows', () => {})
    if (allowance) {
      call.set('allowance', allowance)
      release = allowance.release
    }
    const inferResponse = await infer(options, call, message, signal)
    logCall(call, 0)
    return { inferResponse }
  } catch (cause) {
    const { code, rawMessage } = fail(call, cause)
    logCall(call, code)
    // As Triton does: its id tells which request it was.
    return { errorMessage: rawMessage, inferResponse: { id: message.id, modelName: message.modelName } }
  } finally {
    release()
  }
}
