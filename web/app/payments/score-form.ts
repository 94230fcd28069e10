import type { RunResult } from '../../../models/core/index.ts'
import { find } from '../../view/find.ts'
import { LatestTask } from '../../view/latest-task.ts'
import { countOf, countText, milliseconds, percent, tierWords } from '../../view/words.ts'
import { featureCount, type PaymentFacts, writeFeatures } from './features.ts'
import { heldAbove } from './stream.ts'

/** Scores the form's payment as it changes: one call is in flight, and the newest payment comes next. */
export function showScoreForm(
  form: HTMLFormElement,
  run: (features: Float32Array) => Promise<RunResult>,
  onFailure: (cause: unknown) => void,
): { score(): void } {
  const score = find('#score', HTMLElement, form)
  const where = find('#score-where', HTMLElement, form)
  const mark = find('#score-mark', HTMLElement, form)
  const sliders = [...form.querySelectorAll<HTMLInputElement>('input[type="range"]')].map((input) => ({
    input,
    output: find(`output[for="${input.id}"]`, HTMLOutputElement, form),
  }))
  const task = new LatestTask(async () => {
    const features = new Float32Array(featureCount)
    writeFeatures(features, factsOf(form))
    try {
      const { outputs, placement, timings } = await run(features)
      const probability = Number(outputs.probability?.data[0])
      score.textContent = percent(probability)
      score.toggleAttribute('data-fraud', probability > heldAbove)
      where.textContent = `fraud. ${tierWords[placement.tier]}, in ${milliseconds(timings.totalMs)}`
      mark.dataset.tier = placement.tier
      mark.hidden = false
    } catch (cause) {
      onFailure(cause)
    }
  })
  const describe = () => {
    for (const { input, output } of sliders) {
      const text = words[input.name]?.(input.valueAsNumber) ?? ''
      output.textContent = text
      input.setAttribute('aria-valuetext', text)
    }
  }
  form.addEventListener('input', () => {
    describe()
    task.request()
  })
  form.addEventListener('submit', (event) => event.preventDefault())
  describe()
  return { score: () => task.request() }
}

const words: Readonly<Record<string, (value: number) => string>> = {
  amount: (value) => `${value.toFixed(1)} × the usual`,
  km: (value) => `${countText(value)} km`,
  hours: (value) => (value < 1 ? `${Math.round(value * 60)} min` : `${value.toFixed(1)} h`),
  count: (value) => countOf(value, 'payment'),
}

function factsOf(form: HTMLFormElement): PaymentFacts {
  const data = new FormData(form)
  const number = (name: string) => Number(data.get(name))
  const how = data.get('how')
  const count = number('count')
  const km = number('km')
  const isFar = km > 100
  return {
    amount: number('amount'),
    kmFromHome: km,
    kmFromLast: km,
    hoursSinceLast: number('hours'),
    paymentsLastHour: count,
    paymentsLastDay: count + 1,
    spentLastDay: count + 1,
    hour: 18,
    isOnline: how === 'online',
    hasChip: how === 'chip',
    hasPin: how === 'chip',
    // What is far from home is of another kind, at a merchant that the card does not know.
    categoryRisk: isFar ? 0.8 : 0.1,
    categoryShare: isFar ? 0.02 : 0.31,
    isNewMerchant: isFar,
  }
}
