import { createRuntime } from 'spillway'

const server = import.meta.env.VITE_SPILLWAY_SERVER ?? 'http://localhost:8080/'
// Not awaited here: a worker whose script still waits would miss messages.
const opening = createRuntime({ server }).then((runtime) => runtime.model('digits'))

addEventListener('message', async ({ data: pictures }) => {
  try {
    const model = await opening
    const results = await Promise.all(pictures.map((image) => model.run({ image })))
    const [{ placement }] = results
    postMessage(`${results.length} answers. ${placement.explanation}`)
  } catch (error) {
    postMessage(`${error.code}: ${error.message}`)
  }
})
