import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type OpenAiUpstream, startOpenAiUpstream } from '../support/openai-upstream.ts'
import { runtimeReady } from '../support/page.ts'
import { useGuestPage, useSite } from '../support/site.ts'
import { text } from '../support/start-forwarding.ts'
import { emptyFolder } from '../support/test-models.ts'

const key = 'engine-secret'
let engines: OpenAiUpstream[] = []

/** The guide's files, with the addresses of engines on loopback. */
async function assistantFolder(): Promise<string> {
  const guide = readFileSync(fileURLToPath(new URL('../../server/UPSTREAMS.md', import.meta.url)), 'utf8')
  const blocks = [...guide.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, json = '']) => JSON.parse(json))
  const manifest = blocks.find(({ id }) => id === 'assistant')
  const upstream = blocks.find(({ protocol }) => protocol === 'openai')
  engines = await Promise.all([1, 2].map(() => startOpenAiUpstream({ model: upstream.model, key })))
  const urls = engines.map(({ url }) => `${url}/v1`)
  const folder = join(await emptyFolder(), 'assistant')
  await mkdir(folder)
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'upstream.json'), JSON.stringify({ ...upstream, urls, key: 'ENGINE_KEY' }))
  return folder
}

const site = useSite(async () => ({ SPILLWAY_MODELS: await assistantFolder(), ENGINE_KEY: key }))
const guest = useGuestPage(site)
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.stop()))
})

test('a page’s texts of a model that an engine runs come through the server, and go on where a replica breaks off', async () => {
  const { page } = guest
  await runtimeReady(page)
  const generate = () =>
    page.evaluate(async () => {
      const model = await window.spillway.model('assistant')
      const pieces: string[] = []
      const stream = model.generate({ messages: [{ role: 'user', content: 'Tell me' }] })
      for await (const piece of stream) pieces.push(piece.text)
      const { text, placement } = await stream.result
      return { text, pieces, tier: placement.tier, manifest: JSON.stringify(model.manifest) }
    })
  const whole = await generate()
  expect(whole).toMatchObject({ text, tier: 'server' })
  expect(whole.manifest).not.toMatch(/127\.0\.0\.1|ENGINE_KEY|Qwen/)
  let asked = 0
  for (const engine of engines) engine.behave = () => (asked++ === 0 ? { endAfter: 4 } : {})
  expect(await generate()).toMatchObject({ text })
  expect(asked).toBe(2)
  const refusal = await page.evaluate(async () => {
    const model = await window.spillway.model('assistant')
    return model.load().then(
      () => 'loaded',
      (cause: { code: string }) => cause.code,
    )
  })
  expect(refusal).toBe('capacity_insufficient')
})

test('OpenAI’s client of a page gets them too, and refuses what the engine might take', async () => {
  const { page } = guest
  for (const engine of engines) engine.behave = () => ({})
  const [whole, streamed, refusal] = await page.evaluate(async () => {
    const { completions } = window.spillway.openai.chat
    const request = { model: 'assistant', messages: [{ role: 'user' as const, content: 'Tell me' }] }
    const whole = await completions.create(request)
    const pieces: string[] = []
    for await (const { choices } of await completions.create({ ...request, stream: true }))
      pieces.push(choices[0]?.delta.content ?? '')
    const refusal = await completions.create({ ...request, web_search_options: {} }).catch(({ code }) => code)
    return [whole.choices[0]?.message.content, pieces.join(''), refusal]
  })
  expect([whole, streamed, refusal]).toEqual([text, text, 'not_supported'])
})
