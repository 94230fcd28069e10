const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
const status = document.querySelector('[role="status"]')

worker.addEventListener('message', ({ data }) => {
  status.textContent = data
})
document.querySelector('button').addEventListener('click', () => {
  // Noise in place of pictures.
  const pictures = Array.from({ length: 1000 }, () => Float32Array.from({ length: 28 * 28 }, Math.random))
  worker.postMessage(pictures)
})
