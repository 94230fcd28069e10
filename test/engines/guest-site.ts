import { type Context, Hono } from 'hono'
import { block, readDocument } from '../support/documents.ts'
import { listen } from '../support/listen.ts'

declare global {
  /** Uncaught errors of a guest page, and what its policy forbade. */
  var faults: string[]
  /** What a sandboxed frame posted. */
  var frameAnswers: unknown[]
}

/** The first script of each page. */
const record = `
window.faults = []
window.frameAnswers = []
addEventListener('error', ({ message, error }) => message && faults.push(error?.code ?? message))
addEventListener('unhandledrejection', ({ reason }) => faults.push(String(reason)))
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => faults.push(violatedDirective + ' ' + blockedURI))
addEventListener('message', ({ data }) => frameAnswers.push(data))
`

/** In a frame without an origin: a model's answer, or what went wrong. */
const framed = `
const pixels = new Float32Array(784)
for (let y = 4; y < 24; y++) pixels.fill(1, y * 28 + 12, y * 28 + 15)
const reports = []
const answer = async () => {
  const model = await spillway.model('digits', { onProgress: ({ isKept }) => reports.push(isKept) })
  const { outputs, placement } = await model.run({ image: pixels }, { policy: 'device' })
  const logits = [...outputs.logits.data]
  return { digit: logits.indexOf(Math.max(...logits)), tier: placement.tier, isKept: reports.includes(true), origin: self.origin }
}
answer().catch(String).then((data) => parent.postMessage(data, '*'))
`

const isolating = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/**
 * Serves pages of another origin than the runtime's.
 *
 * @param runtime The address of the server that the pages embed.
 */
export async function startGuestSite(runtime: URL) {
  const tags = block(await readDocument('web/elements/README.md'), 'html', 'elements.js')
  const { origin } = runtime
  const embed = `<script type="module" src="${new URL('embed.js', runtime).href}"></script>`
  const policy = `default-src 'none'; script-src 'self' ${origin} 'wasm-unsafe-eval'; connect-src ${origin}; worker-src ${origin} blob:; img-src 'self'; require-trusted-types-for 'script'; trusted-types spillway lit-html`
  const page =
    (body: string, headers: Record<string, string> = {}) =>
    (c: Context) =>
      c.html(
        `<!doctype html><html lang="en"><title>Guest</title><script src="/record.js"></script>${body}`,
        200,
        headers,
      )
  const script = (body: string) => (c: Context) => c.body(body, 200, { 'content-type': 'text/javascript' })
  const app = new Hono()
    .get('/', page(embed))
    .get('/isolated', page(embed, isolating))
    .get('/sandboxed', page('<iframe sandbox="allow-scripts" src="/framed"></iframe>'))
    .get('/framed', page(`${embed}<script type="module">${framed}</script>`))
    .get(
      '/elements',
      page(tags.replaceAll('http://localhost:8080/', runtime.href), { 'content-security-policy': policy }),
    )
    .get('/record.js', script(record))
    .get('/favicon.ico', (c) => c.body(null, 204))
  const { port, close } = await listen(app)
  // Another site than localhost, where the runtime is.
  return { url: new URL(`http://127.0.0.1:${port}/`), close }
}
