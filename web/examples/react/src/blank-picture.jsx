import { useRun } from 'spillway/react'

export function BlankPicture() {
  const { run, result, isPending } = useRun('digits')
  // The promise rejects as well; the state has the error for the page.
  const classify = () => run({ image: new Float32Array(28 * 28) }).catch(() => undefined)
  return (
    <section>
      <h1>A run</h1>
      <button type="button" onClick={classify} disabled={isPending}>
        Classify a blank picture
      </button>
      {result && <p data-part="logits">{result.outputs.logits.data.length} numbers</p>}
    </section>
  )
}
