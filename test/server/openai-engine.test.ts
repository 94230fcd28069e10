import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'
import { importStories, type Stories } from '../support/stories.ts'
import { withoutTestModels } from '../support/test-models.ts'

const why = withoutTestModels === undefined ? '' : ` (skipped: ${withoutTestModels})`

describe.skipIf(withoutTestModels !== undefined)(
  `the OpenAI API over a real model and real lanes${why}`,
  () => {
    let stories: Stories
    let server: TestServer
    let client: OpenAI

    beforeAll(async () => {
      const imported = await importStories()
      if ('absent' in imported) return
      stories = imported
      server = await startServer({ SPILLWAY_MODELS: imported.folder })
      client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href })
    })
    afterAll(async () => {
      await server?.stop()
    })

    const greedy = (prompt: readonly number[], max_tokens: number) => ({
      model: 'stories260k',
      prompt: [...prompt],
      max_tokens,
      temperature: 0,
      // A field of vLLM's, which the client's types lack.
      return_token_ids: true,
    })

    test('gives the reference tokens, eight requests at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const reference = stories.cases[index % stories.cases.length]
          if (!reference) throw new Error('there is no case')
          const { choices } = await client.completions.create(greedy(reference.prompt, 40))
          const [choice] = choices
          return {
            got: choice && 'token_ids' in choice ? choice.token_ids : undefined,
            expected: reference.tokens,
          }
        }),
      )
      for (const { got, expected } of answers) expect(got).toEqual(expected.slice(0, 40))
    })

    test('streams the same text as it answers whole, and another text for another seed', async () => {
      const request = {
        model: 'stories260k',
        prompt: 'Once upon a time',
        max_tokens: 30,
        seed: 5,
        temperature: 1,
      }
      const whole = await client.completions.create(request)
      let streamed = ''
      for await (const { choices } of await client.completions.create({ ...request, stream: true }))
        streamed += choices[0]?.text ?? ''
      expect(streamed).toBe(whole.choices[0]?.text)
      expect(streamed.length).toBeGreaterThan(20)
      const other = await client.completions.create({ ...request, seed: 6 })
      expect(other.choices[0]?.text).not.toBe(streamed)
    })

    test('answers each of 200 requests at once, or refuses it with retry-after', async () => {
      const [reference] = stories.cases
      if (!reference) throw new Error('there is no case')
      const answers = await Promise.all(
        Array.from({ length: 200 }, async () => {
          const response = await fetch(new URL('v1/completions', server.url), {
            method: 'POST',
            body: JSON.stringify(greedy(reference.prompt, 8)),
          })
          const { status, headers } = response
          return { status, retryAfter: headers.get('retry-after'), body: await response.json() }
        }),
      )
      const answered = answers.filter(({ status }) => status === 200)
      expect(answered.length).toBeGreaterThanOrEqual(4)
      for (const { body } of answered) expect(body.choices[0].token_ids).toEqual(reference.tokens.slice(0, 8))
      for (const { status, retryAfter } of answers) {
        if (status === 200) continue
        expect(status).toBe(429)
        expect(Number(retryAfter)).toBeGreaterThan(0)
      }
    })

    test('refuses a prompt that is too long, and frees the slot of a client that leaves', async () => {
      const long = client.completions.create(greedy(new Array(600).fill(5), 4))
      await expect(long).rejects.toMatchObject({ status: 400, code: 'context_exceeded' })
      const endless = { ...greedy([1], 500), ignore_eos: true }
      const stream = await client.completions.create({ ...endless, stream: true })
      for await (const _ of stream) break
      // A suspended lane cannot end the text by itself.
      const resume = server.freezeLanes()
      stream.controller.abort()
      const running = async () => {
        const text = await (await fetch(new URL('metrics', server.url))).text()
        return /vllm:num_requests_running\{model_name="stories260k"\} (\d+)/.exec(text)?.[1]
      }
      await expect.poll(running).toBe('0')
      resume()
    })
  },
)
