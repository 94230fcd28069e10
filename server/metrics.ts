import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../models/async/clock.ts'
import type { GenerateResult } from '../workers/host/text/types.ts'
import type { GeneratorLoad } from '../workers/protocol/generation.ts'

/** What one request's texts are measured by, as they come. */
export interface Measure {
  /** Tokens of one of its texts. */
  came(text: number, tokens: number): void
  ended(result: GenerateResult): void
}

/** Metrics as vLLM names them, so that its dashboards and autoscalers read this server, too. */
export interface Metrics {
  readonly registry: Registry
  /** A model whose slots are told from now on. */
  watch(model: string, load: () => GeneratorLoad): void
  measure(model: string): Measure
}

/** Seconds. */
const firstToken = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const betweenTokens = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5]
const wholeText = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

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
  gauge('num_requests_running', 'Texts that have a slot.', ({ running }) => running)
  gauge('num_requests_waiting', 'Texts that wait for a slot.', ({ waiting }) => waiting)
  gauge('kv_cache_usage_perc', 'Tokens in slots over those that fit, 0 to 1.', ({ kvUsage }) => kvUsage)

  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `vllm:${name}`, help, labelNames, buckets, registers })
  const counter = (name: string, help: string) =>
    new Counter({ name: `vllm:${name}`, help, labelNames, registers })
  const timeToFirst = histogram(
    'time_to_first_token_seconds',
    'From a request to its first token.',
    firstToken,
  )
  const interToken = histogram('inter_token_latency_seconds', 'From one token to the next.', betweenTokens)
  const endToEnd = histogram('e2e_request_latency_seconds', 'From a request to its last token.', wholeText)
  const promptTokens = counter('prompt_tokens_total', 'Tokens of prompts.')
  const generationTokens = counter('generation_tokens_total', 'Tokens generated.')
  const successes = new Counter({
    name: 'vllm:request_success_total',
    help: 'Texts that came to their end.',
    labelNames: ['model_name', 'finished_reason'] as const,
    registers,
  })

  return {
    registry,
    watch: (model, load) => loads.set(model, load),
    measure: (model_name) => {
      const askedAt = clock.now()
      const lastAt = new Map<number, number>()
      return {
        came: (text, tokens) => {
          if (tokens === 0) return
          const now = clock.now()
          const before = lastAt.get(text)
          lastAt.set(text, now)
          generationTokens.inc({ model_name }, tokens)
          if (before === undefined) {
            timeToFirst.observe({ model_name }, (now - askedAt) / 1000)
            return
          }
          // Tokens that came together share the time that they took.
          for (let token = 0; token < tokens; token++)
            interToken.observe({ model_name }, (now - before) / tokens / 1000)
        },
        ended: ({ finish, usage }) => {
          promptTokens.inc({ model_name }, usage.promptTokens)
          endToEnd.observe({ model_name }, (clock.now() - askedAt) / 1000)
          successes.inc({ model_name, finished_reason: finish })
        },
      }
    },
  }
}
