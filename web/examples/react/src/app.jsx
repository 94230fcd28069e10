import { useState } from 'react'
import { useGenerate, useModel, useRuntimeStats } from 'spillway/react'
import { BlankPicture } from './blank-picture.jsx'

export function App() {
  return (
    <main>
      <Story />
      <BlankPicture />
      <Load />
    </main>
  )
}

/** Writes a text as its tokens come. */
function Story() {
  const [prompt, setPrompt] = useState('To be, or')
  const { status, progress } = useModel('bard')
  const { generate, stop, text, placement, isPending, error } = useGenerate('bard')
  const write = () => generate({ prompt, maxTokens: 60, temperature: 0 }).catch(() => undefined)
  return (
    <section>
      <h1>A text</h1>
      <p data-part="status">
        {status}
        {progress && `, ${Math.round((100 * progress.loadedBytes) / progress.totalBytes)}% on this device`}
      </p>
      <label>
        Begin with <input value={prompt} onChange={({ target }) => setPrompt(target.value)} />
      </label>
      <button type="button" onClick={isPending ? stop : write}>
        {isPending ? 'Stop' : 'Write'}
      </button>
      <p data-part="text">{text}</p>
      {placement && <p data-part="placement">{placement.explanation}</p>}
      {error && <p role="alert">{error.message}</p>}
    </section>
  )
}

/** What the runtime does. */
function Load() {
  const stats = useRuntimeStats()
  if (!stats) return null
  const requests = stats.placements.reduce((sum, placement) => sum + placement.requests, 0)
  return <p data-part="requests">Requests answered: {requests}</p>
}
