// The one line that differs from an application of transformers.js.
import { pipeline } from 'spillway/transformers'

const status = document.querySelector('[role="status"]')
const extract = await pipeline('feature-extraction', 'Xenova/all-MiniLM-L6-v2')
status.textContent = 'Ready'

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const texts = new FormData(event.target).getAll('text')
  try {
    const vectors = await extract(texts, { pooling: 'mean', normalize: true })
    const [first, second] = vectors.tolist()
    const similarity = first.reduce((sum, value, at) => sum + value * second[at], 0)
    status.textContent = `Alike by ${Math.round(100 * similarity)}%`
  } catch (error) {
    status.textContent = error.message
  }
})
