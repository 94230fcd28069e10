import { createRuntime } from 'spillway'

// The server's address; its folder `models/` has the models.
const runtime = await createRuntime({ server: 'http://localhost:8080/' })
const model = await runtime.model('digits')
const status = document.querySelector('[role="status"]')

document.querySelector('button').addEventListener('click', async () => {
  const image = new Float32Array(28 * 28)
  const { outputs, placement } = await model.run({ image })
  status.textContent = `${outputs.logits.data.length} numbers. ${placement.explanation}`
})
