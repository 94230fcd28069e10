const { serviceWorker } = navigator
await serviceWorker.register('./service-worker.js')
// From here on the service worker keeps what the page loads.
if (!serviceWorker.controller)
  await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }))

const { createRuntime } = await import('spillway')
const runtime = await createRuntime({ server: null, models: './models/' })
const model = await runtime.model('digits')
await model.load()

const [button, status] = [document.querySelector('button'), document.querySelector('[role="status"]')]
status.textContent = 'Ready, also without a network'
button.disabled = false
button.addEventListener('click', async () => {
  const image = new Float32Array(28 * 28)
  const { outputs, placement } = await model.run({ image })
  status.textContent = `${outputs.logits.data.length} numbers. ${placement.explanation}`
})
