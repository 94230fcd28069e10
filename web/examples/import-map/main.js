import { createRuntime } from 'spillway'

// The server's address; its folder `models/` has the models.
const opening = createRuntime({ server: 'http://localhost:8080/' }).then((runtime) => runtime.model('digits'))
const status = document.querySelector('[role="status"]')

document.querySelector('button').addEventListener('click', async () => {
  const model = await opening
  const image = new Float32Array(28 * 28)
  const { outputs, placement } = await model.run({ image })
  status.textContent = `${outputs.logits.data.length} numbers. ${placement.explanation}`
})
