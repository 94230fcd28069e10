import { createElement, StrictMode, useEffect } from 'react'
import { flushSync } from 'react-dom'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { get } from 'svelte/store'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApp, defineComponent, h } from 'vue'
import {
  SpillwayProvider,
  useEmbed,
  useGenerate,
  useModel,
  useRun,
  useRuntime,
} from '../../web/adapters/react/index.ts'
import { openModel } from '../../web/adapters/state/model-state.ts'
import { generationStore, modelStore, runStore } from '../../web/adapters/svelte/index.ts'
import * as vue from '../../web/adapters/vue/index.ts'
import { createRuntime, type Runtime } from '../../web/api/create-runtime.ts'

// The runtimes that providers make.
vi.mock('../../web/api/create-runtime.ts', { spy: true })

const options = { server: null, models: '/models/catalogue/', policy: 'device' } as const
const blank = () => ({ image: new Float32Array(784) })

let host: HTMLElement
beforeEach(() => {
  host = document.createElement('div')
  document.body.append(host)
})
afterEach(() => host.remove())

/**
 * Mounts a component in strict mode below a provider; React's own warnings fail the test. Strict mode runs the effects
 * twice, and their end between ends the component's calls: both are over when this returns.
 */
function mount(component: () => null, runtime?: Runtime) {
  const warned = vi.spyOn(console, 'error')
  const root = createRoot(host)
  const provider = createElement(
    SpillwayProvider,
    runtime ? { runtime } : { options },
    createElement(component),
  )
  flushSync(() => root.render(createElement(StrictMode, null, provider)))
  return {
    unmount: () => root.unmount(),
    end: () => {
      root.unmount()
      expect(warned).not.toHaveBeenCalled()
    },
  }
}

describe('React', () => {
  test('a model becomes ready once for all components, and a run gives its result', async () => {
    let seen: ReturnType<typeof useModel> | undefined
    let run: ReturnType<typeof useRun> | undefined
    const component = () => {
      seen = useModel('digits')
      run = useRun('digits')
      return null
    }
    const mounted = mount(component)
    await expect.poll(() => seen?.status).toBe('ready')
    const result = await run?.run(blank())
    expect(result?.outputs.logits?.data).toHaveLength(10)
    await expect.poll(() => run?.result).toBe(result)
    expect(run?.isPending).toBe(false)
    mounted.end()
  })

  test('a model that does not exist fails, and can be retried', async () => {
    let seen: ReturnType<typeof useModel> | undefined
    const mounted = mount(() => {
      seen = useModel('absent')
      return null
    })
    await expect.poll(() => seen?.status).toBe('failed')
    expect(seen?.error?.code).toMatch(/model_unknown|manifest_invalid/)
    const { error } = seen ?? {}
    seen?.retry()
    await expect.poll(() => seen?.error !== error && seen?.status === 'failed').toBe(true)
    mounted.end()
  })

  test('a later run aborts the one before, and unmounting aborts the last', async () => {
    let run: ReturnType<typeof useRun> | undefined
    const mounted = mount(() => {
      run = useRun('digits')
      const runtime = useRuntime()
      useEffect(() => void runtime?.model('digits'), [runtime])
      return null
    })
    await expect
      .poll(() =>
        run?.run(blank()).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    const first = run?.run(blank())
    const second = run?.run(blank())
    await expect(first).rejects.toMatchObject({ code: 'aborted' })
    await second
    const last = run?.run(blank())
    mounted.end()
    await expect(last).rejects.toMatchObject({ code: expect.stringMatching(/aborted|closed/) })
  })

  test("strict mode's double mount leaves one runtime, which ends with the provider", async () => {
    vi.mocked(createRuntime).mockClear()
    let runtime: Runtime | null = null
    const mounted = mount(() => {
      runtime = useRuntime()
      return null
    })
    await expect.poll(() => runtime).not.toBeNull()
    const made: readonly Runtime[] = await Promise.all(
      vi.mocked(createRuntime).mock.results.map(({ value }) => value),
    )
    expect(made).toEqual([expect.anything(), runtime])
    const [first, second] = made
    await expect(first?.model('digits')).rejects.toMatchObject({ code: 'closed' })
    await second?.model('digits')
    mounted.end()
    await expect.poll(() => second?.model('digits').catch(({ code }) => code)).toBe('closed')
  })

  test('a component without a provider gets an error that says what is missing', async () => {
    let embed: ReturnType<typeof useEmbed> | undefined
    const component = () => {
      embed = useEmbed('digits')
      return null
    }
    expect(renderToString(createElement(component))).toBe('')
    await expect(embed?.embed('a')).rejects.toMatchObject({
      code: 'closed',
      message: expect.stringContaining('SpillwayProvider'),
    })
  })

  test('a page that a server renders is idle', () => {
    const component = () => createElement('p', null, useModel('digits').status)
    const page = createElement(SpillwayProvider, { options }, createElement(component))
    expect(renderToString(page)).toBe('<p>idle</p>')
  })

  test('options that are invalid reach the error boundary', async () => {
    const caught = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const faults: unknown[] = []
    const root = createRoot(host, { onUncaughtError: (fault) => faults.push(fault) })
    root.render(createElement(SpillwayProvider, { options: { maxLanes: -1 } }))
    await expect.poll(() => faults).toMatchObject([{ code: 'input_value_invalid' }])
    root.unmount()
    caught.mockRestore()
  })
})

describe('with a runtime of its own,', () => {
  let runtime: Runtime
  beforeEach(async () => {
    runtime = await createRuntime(options)
  })
  afterEach(() => runtime.close())

  test("React's strict mode opens a model once for all components", async () => {
    const opened = vi.spyOn(runtime, 'model')
    let status: string | undefined
    const mounted = mount(() => {
      useModel('digits')
      status = useModel('digits').status
      return null
    }, runtime)
    await expect.poll(() => status).toBe('ready')
    mounted.end()
    expect(opened).toHaveBeenCalledOnce()
  })

  test("a text ends with React's component, and a later call gives its caller the answer", async () => {
    let used: { text: ReturnType<typeof useGenerate>; run: ReturnType<typeof useRun> } | undefined
    const mounted = mount(() => {
      used = { text: useGenerate('bard'), run: useRun('digits') }
      return null
    }, runtime)
    await expect.poll(() => used).toBeDefined()
    const text = used?.text.generate({ prompt: 'To be', maxTokens: 200 })
    const ended = expect(text).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => used?.text.text).toMatch(/\w/)
    mounted.end()
    await ended
    expect((await used?.run.run(blank()))?.outputs.logits?.data).toHaveLength(10)
  })

  test('Vue follows a model, a run, a text and the stats, until its component is gone', async () => {
    let used:
      | {
          model: ReturnType<typeof vue.useModel>
          run: ReturnType<typeof vue.useRun>
          text: ReturnType<typeof vue.useGenerate>
          stats: ReturnType<typeof vue.useRuntimeStats>
        }
      | undefined
    const app = createApp(
      defineComponent(() => {
        used = {
          model: vue.useModel('digits'),
          run: vue.useRun('digits'),
          text: vue.useGenerate('bard'),
          stats: vue.useRuntimeStats(),
        }
        return () => h('p', used?.model.state.value.status)
      }),
    )
    app.use(vue.spillway(runtime))
    app.mount(host)
    await expect.poll(() => host.textContent).toBe('ready')
    const result = await used?.run.run(blank())
    expect(used?.run.state.value.result).toBe(result)
    await expect.poll(() => used?.stats.value?.placements.length).toBe(1)
    const { text } = (await used?.text.generate({ prompt: 'To be', maxTokens: 8, temperature: 0 })) ?? {}
    expect(used?.text.state.value).toMatchObject({ text, isPending: false })
    const unfinished = used?.text.generate({ prompt: 'To be', maxTokens: 200 })
    app.unmount()
    await expect(unfinished).rejects.toMatchObject({ code: 'aborted' })
  })

  test("Svelte's stores have the same", async () => {
    const model = modelStore(runtime, 'digits')
    const unsubscribe = model.subscribe(() => undefined)
    await expect.poll(() => get(model).status).toBe('ready')
    unsubscribe()
    const runs = runStore(runtime, 'digits')
    const result = await runs.run(blank())
    expect(get(runs)).toMatchObject({ result, isPending: false })
    const story = generationStore(runtime, 'bard')
    const texts: string[] = []
    story.subscribe(({ text }) => texts.push(text))
    const { text } = await story.generate({ prompt: 'To be', maxTokens: 8, temperature: 0 })
    expect(texts.at(-1)).toBe(text)
    expect(texts.length).toBeGreaterThan(2)
  })

  test('a model that nobody waits for any more is not opened', async () => {
    const states: string[] = []
    modelStore(runtime, 'bard').subscribe(({ status }) => states.push(status))()
    expect(states).toEqual(['idle', 'opening'])
    await expect.poll(() => openModel(runtime, 'bard').value.status).toBe('idle')
  })
})
