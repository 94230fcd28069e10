import { createRuntime } from 'spillway'
import { mount } from 'svelte'
import App from './App.svelte'

// The server's address; its folder `models/` has the models. `vite build` reads it from VITE_SPILLWAY_SERVER.
const server = import.meta.env.VITE_SPILLWAY_SERVER ?? 'http://localhost:8080/'
const runtime = await createRuntime({ server })

mount(App, { target: document.getElementById('root'), context: new Map([['runtime', runtime]]) })
