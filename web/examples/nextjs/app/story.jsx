'use client'
import { SpillwayProvider, useGenerate } from 'spillway/react'

// The server's address; its folder `models/` has the models. `next build` reads it from NEXT_PUBLIC_SPILLWAY_SERVER.
const options = { server: process.env.NEXT_PUBLIC_SPILLWAY_SERVER ?? 'http://localhost:8080/' }

export function Story() {
  return (
    <SpillwayProvider options={options}>
      <Writer />
    </SpillwayProvider>
  )
}

function Writer() {
  const { generate, stop, text, placement, isPending, error } = useGenerate('bard')
  // The promise rejects as well; the state has the error for the page.
  const write = () => generate({ prompt: 'To be, or', maxTokens: 60 }).catch(() => undefined)
  return (
    <section>
      <button type="button" onClick={isPending ? stop : write}>
        {isPending ? 'Stop' : 'Write'}
      </button>
      <p data-part="text">{text}</p>
      {placement && <p role="status">{placement.explanation}</p>}
      {error && <p role="alert">{error.message}</p>}
    </section>
  )
}
