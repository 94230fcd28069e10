import { createRuntime } from 'spillway'
import { spillway } from 'spillway/vue'
import { createApp } from 'vue'
import App from './App.vue'

// The server's address; its folder `models/` has the models. `vite build` reads it from VITE_SPILLWAY_SERVER.
const server = import.meta.env.VITE_SPILLWAY_SERVER ?? 'http://localhost:8080/'

createApp(App)
  .use(spillway(await createRuntime({ server })))
  .mount('#root')
