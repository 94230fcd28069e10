import { compare } from './compare.js'

const status = document.querySelector('[role="status"]')
status.textContent = 'Ready'

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    const similarity = await compare(new FormData(event.target).getAll('text'))
    status.textContent = `Alike by ${Math.round(100 * similarity)}%`
  } catch (error) {
    status.textContent = error.message
  }
})
