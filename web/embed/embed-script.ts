import './window-global.ts'
import { startRuntime } from '../api/wire-runtime.ts'

// A variable, since the bundler would take the folder for an asset.
const script = import.meta.url

// The page may be of another origin: the server is the one that the script came from.
window.spillway = startRuntime({ server: new URL('.', script) })
