import { SpillwayError } from '../../models/core/error.ts'
import { createRuntime as create, type Runtime, type RuntimeOptions } from '../api/create-runtime.ts'
import { startRuntime } from '../api/start-runtime.ts'
import { defineOnDemand } from './define-on-demand.ts'
import { setGlobal } from './set-global.ts'
import { tagOptions } from './tag-options.ts'

export * from '../api/index.ts'

// A variable, since the bundler would take the folder for an asset.
const script = import.meta.url

/** The server that the script came from: the page may be of another origin. */
const server = new URL('.', script)

const scripts = [...(globalThis.document?.scripts ?? [])]
/** The script of the elements imports this one when it needs a runtime: then the options are on its tag. */
const ofElements = new URL('elements.js', script).href
const tag =
  scripts.find(({ src }) => src === script) ?? scripts.find(({ src }) => src.split(/[?#]/)[0] === ofElements)
const defaults: RuntimeOptions = { server, ...(tag && tagOptions(tag.dataset)) }

/** As `createRuntime` of the package, with the tag's options, and the server that this script came from, by default. */
export const createRuntime = (options: RuntimeOptions = {}): Promise<Runtime> =>
  create({ ...defaults, ...options })

/** The tag's runtime. Where the tag is wrong, one whose calls reject with the reason: the page can show it. */
function startTagged(): Runtime {
  try {
    return startRuntime(defaults)
  } catch (cause) {
    const { code, message } = SpillwayError.from(cause, 'internal', 'The runtime did not start')
    const fault = new SpillwayError(code, `The tag of ${script} has a wrong data attribute: ${message}`)
    // biome-ignore lint/suspicious/noConsole: the author of the page has to see it before a call fails by it.
    console.error(fault)
    const refuse = () => Promise.reject(fault)
    return Object.assign(startRuntime({ server }), { model: refuse, catalogue: refuse })
  }
}

// A server that renders pages imports the script, too, and runs no models.
if ('location' in globalThis) {
  setGlobal(startTagged, tag && script)
  defineOnDemand(async () => {
    const { defineElements } = await import('../elements/define.ts')
    defineElements(async () => spillway)
  })
}
