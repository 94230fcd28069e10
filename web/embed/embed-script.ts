import './window-global.ts'
import { createRuntime as create, type Runtime, type RuntimeOptions } from '../api/create-runtime.ts'
import { startRuntime } from '../api/wire-runtime.ts'

export * from '../api/index.ts'

// A variable, since the bundler would take the folder for an asset.
const script = import.meta.url

/** The server that the script came from: the page may be of another origin. */
const server = new URL('.', script)

/** The page's key, where the script's element has one: `<script type="module" src="…/embed.js" data-key="pk_…">`. */
const key = [...(globalThis.document?.scripts ?? [])].find(({ src }) => src === script)?.dataset.key

const defaults: RuntimeOptions = key === undefined ? { server } : { server, key }

/** As `createRuntime` of the package, whose server is where this script came from by default. */
export const createRuntime = (options: RuntimeOptions = {}): Promise<Runtime> =>
  create({ ...defaults, ...options })

// A server that renders pages imports the script, too, and runs no models.
if ('location' in globalThis) globalThis.spillway = startRuntime(defaults)
