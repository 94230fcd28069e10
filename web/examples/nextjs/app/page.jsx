import { Story } from './story.jsx'

/** Rendered on the server; the story below it runs in the browser. */
export default function Page() {
  return (
    <main>
      <h1>A text</h1>
      <Story />
    </main>
  )
}
