import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../models/async/clock.ts'
import type { GenerateResult } from '../workers/host/text/types.ts'
import type { GeneratorLoad } from '../workers/protocol/generation.ts'

/** Records the texts of one request. */
export interface RequestMetrics {
  /** @param text The index of the text. @param tokens The number of tokens that have just been generated. */
  recordTokens(text: number, tokens: number): void
  recordEnd(result: GenerateResult): void
}

/** Prometheus metrics under vLLM's names, so that its dashboards and autoscalers read this server. */
export interface Metrics {
  readonly registry: Registry
  /** Reports a model's slots from now on. */
  watchLoad(model: string, load: () => GeneratorLoad): void
  forRequest(model: string): RequestMetrics
}

/** Histogram buckets in seconds. */
const timeToFirstToken = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const tokenInterval = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5]
const textDuration = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export function createMetrics(clock: Clock): Metrics {
  const registry = new Registry()
  const loads = new Map<string, () => GeneratorLoad>()
  const registers = [registry]
  const labelNames = ['model_name'] as const

  const gauge = (name: string, help: string, read: (load: GeneratorLoad) => number) =>
    new Gauge({
      name: `vllm:${name}`,
      help,
      labelNames,
      registers,
      collect() {
        for (const [model_name, load] of loads) this.set({ model_name }, read(load()))
      },
    })
  gauge('num_requests_running', 'Texts that are in a slot.', ({ running }) => running)
  gauge('num_requests_waiting', 'Texts that wait for a slot.', ({ waiting }) => waiting)
  gauge('kv_cache_usage_perc', "Share of the slots' token capacity in use, 0 to 1.", ({ kvUsage }) => kvUsage)

  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `vllm:${name}`, help, labelNames, buckets, registers })
  const counter = (name: string, help: string) =>
    new Counter({ name: `vllm:${name}`, help, labelNames, registers })
  const timeToFirst = histogram(
    'time_to_first_token_seconds',
    'From a request to its first token.',
    timeToFirstToken,
  )
  const interToken = histogram('inter_token_latency_seconds', 'From one token to the next.', tokenInterval)
  const endToEnd = histogram('e2e_request_latency_seconds', 'From a request to its last token.', textDuration)
  const promptTokens = counter('prompt_tokens_total', 'Tokens of prompts.')
  const generationTokens = counter('generation_tokens_total', 'Tokens generated.')
  const successes = new Counter({
    name: 'vllm:request_success_total',
    help: 'Texts that ended.',
    labelNames: ['model_name', 'finished_reason'] as const,
    registers,
  })

  return {
    registry,
    watchLoad: (model, load) => loads.set(model, load),
    forRequest: (model_name) => {
      const askedAt = clock.now()
      const lastAt = new Map<number, number>()
      return {
        recordTokens: (text, tokens) => {
          if (tokens === 0) return
          const now = clock.now()
          const previousAt = lastAt.get(text)
          lastAt.set(text, now)
          generationTokens.inc({ model_name }, tokens)
          if (previousAt === undefined) {
            timeToFirst.observe({ model_name }, (now - askedAt) / 1000)
            return
          }
          // Tokens that arrive together share the time since the previous ones.
          for (let token = 0; token < tokens; token++)
            interToken.observe({ model_name }, (now - previousAt) / tokens / 1000)
        },
        recordEnd: ({ finish, usage }) => {
          promptTokens.inc({ model_name }, usage.promptTokens)
          endToEnd.observe({ model_name }, (clock.now() - askedAt) / 1000)
          successes.inc({ model_name, finished_reason: finish })
        },
      }
    },
  }
}
