import './global.ts'
import { startRuntime } from '../api/runtime.ts'

// By way of a variable: written in place, the bundler takes the folder for an asset.
const script = import.meta.url

/** One script tag, on a page of any origin: the server is where the script came from. */
window.spillway = startRuntime({ server: new URL('.', script) })
