import { Counter, Histogram, type Registry } from 'prom-client'
import type { Clock } from '../../models/async/clock.ts'
import type { ErrorCode } from '../../models/core/index.ts'
import type { GenerateResult } from '../../workers/host/text/types.ts'
import type { GeneratorLoad } from '../../workers/protocol/generation.ts'
import { collectedGauge } from './collected.ts'
import type { ServerCost } from './device-metrics.ts'
import { TextRecord } from './text-record.ts'

/** Texts under vLLM's names, so that its dashboards and autoscalers read this server. */
export interface TextMetrics {
  /** Reports a model's slots from now on. */
  watchLoad(model: string, load: () => GeneratorLoad): void
  /** @param texts The texts of one request. @param promptTokens Tokens of its prompts together. */
  forRequest(model: string, texts: number, promptTokens: number): TextRecord
  /** The texts of a model that ended, and the milliseconds of a lane that they took: texts that are written together share them. */
  costOf(model: string): ServerCost
}

/** What is counted of a text that has ended. */
export interface EndedText extends Pick<GenerateResult, 'finish'> {
  readonly usage: Pick<GenerateResult['usage'], 'promptTokens' | 'generatedTokens'>
  readonly timings: {
    readonly queueMs: number
    /** Undefined where it is not known when the tokens came. */
    readonly perTokenMs: number | undefined
  }
}

/** Where the texts of all requests are counted. */
export interface TextObserver {
  firstToken(seconds: number): void
  /** Tokens that came together share the time since the previous ones. */
  laterTokens(tokens: number, seconds: number): void
  tokens(tokens: number): void
  ended(result: EndedText, seconds: number): void
  /** Texts that ended early: by their callers, by deadlines, or by failures. */
  broken(texts: number, code: ErrorCode): void
}

/** vLLM's reasons. `abort`: the caller left or the deadline passed. */
const reasons = ['stop', 'length', 'abort', 'error'] as const

/** Histogram buckets in seconds. */
const timeToFirstToken = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const tokenInterval = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5]
const textDuration = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

const idle: GeneratorLoad = { slots: 0, running: 0, waiting: 0, kvUsage: 0 }

/** @param models The ids of the language models. */
export function textMetrics(registry: Registry, clock: Clock, models: readonly string[]): TextMetrics {
  const loads = new Map<string, () => GeneratorLoad>(models.map((model) => [model, () => idle]))
  const labelNames = ['model_name'] as const
  const registers = [registry]

  const gauge = (name: string, help: string, read: (load: GeneratorLoad) => number) =>
    collectedGauge(registry, `vllm:${name}`, help, labelNames, function* () {
      for (const [model_name, load] of loads) yield [{ model_name }, read(load())]
    })
  gauge('num_requests_running', 'Texts that are in a slot.', ({ running }) => running)
  gauge('num_requests_waiting', 'Texts that wait for a slot.', ({ waiting }) => waiting)
  gauge('kv_cache_usage_perc', "Share of the slots' token capacity in use, 0 to 1.", ({ kvUsage }) => kvUsage)

  const histogram = (name: string, help: string, buckets: number[]) => {
    const created = new Histogram({ name: `vllm:${name}`, help, labelNames, buckets, registers })
    for (const model_name of models) created.zero({ model_name })
    return created
  }
  const counter = (name: string, help: string) => {
    const created = new Counter({ name: `vllm:${name}`, help, labelNames, registers })
    for (const model_name of models) created.inc({ model_name }, 0)
    return created
  }
  const timeToFirst = histogram(
    'time_to_first_token_seconds',
    'From a request to its first token.',
    timeToFirstToken,
  )
  const interToken = histogram('inter_token_latency_seconds', 'From one token to the next.', tokenInterval)
  const perToken = histogram(
    'request_time_per_output_token_seconds',
    'Mean of a text from one token to the next.',
    tokenInterval,
  )
  const queueTime = histogram(
    'request_queue_time_seconds',
    'From a request to the slot of its text.',
    textDuration,
  )
  const endToEnd = histogram('e2e_request_latency_seconds', 'From a request to its last token.', textDuration)
  const promptTokens = counter('prompt_tokens_total', 'Tokens of prompts.')
  const generationTokens = counter('generation_tokens_total', 'Tokens generated.')
  const ends = new Counter({
    name: 'vllm:request_success_total',
    help: 'Texts that ended, by how they did.',
    labelNames: ['model_name', 'finished_reason'] as const,
    registers,
  })
  for (const model_name of models)
    for (const finished_reason of reasons) ends.inc({ model_name, finished_reason }, 0)

  const observers = new Map<string, TextObserver>()
  const costs = new Map<string, { requests: number; laneMs: number }>()
  const createObserver = (model_name: string): TextObserver => ({
    firstToken: (seconds) => timeToFirst.observe({ model_name }, seconds),
    laterTokens: (tokens, seconds) => {
      for (let token = 0; token < tokens; token++) interToken.observe({ model_name }, seconds / tokens)
    },
    tokens: (tokens) => generationTokens.inc({ model_name }, tokens),
    ended: ({ finish, usage, timings }, seconds) => {
      const cost = costs.get(model_name) ?? { requests: 0, laneMs: 0 }
      costs.set(model_name, cost)
      // This text has left its slot.
      const together = 1 + (loads.get(model_name)?.().running ?? 0)
      cost.requests++
      cost.laneMs += Math.max(0, 1000 * seconds - timings.queueMs) / together
      promptTokens.inc({ model_name }, usage.promptTokens)
      endToEnd.observe({ model_name }, seconds)
      queueTime.observe({ model_name }, timings.queueMs / 1000)
      if (usage.generatedTokens > 1 && timings.perTokenMs !== undefined)
        perToken.observe({ model_name }, timings.perTokenMs / 1000)
      ends.inc({ model_name, finished_reason: finish })
    },
    broken: (texts, code) => {
      const isLeft = code === 'aborted' || code === 'deadline_exceeded'
      ends.inc({ model_name, finished_reason: isLeft ? 'abort' : 'error' }, texts)
    },
  })

  return {
    watchLoad: (model, load) => loads.set(model, load),
    costOf: (model) => costs.get(model) ?? { requests: 0, laneMs: 0 },
    forRequest: (model, texts, tokens) => {
      const observer = observers.get(model) ?? createObserver(model)
      observers.set(model, observer)
      return new TextRecord({ model, texts, promptTokens: tokens, clock, observer })
    },
  }
}
