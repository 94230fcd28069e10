import type { Placement } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import { featureCount, writeFeatures } from '../payments/features.ts'
import { simulatePayment } from '../payments/simulate.ts'
import type { Loop } from './load-generator.ts'

/** A model to call, and how much of it is much. */
export interface Subject {
  readonly id: string
  readonly most: Readonly<Record<Loop, number>>
  readonly mostOpen: number
  readonly call: (model: Model) => Promise<Placement>
}

const side = 28
const longestText = 24

/** The models of the site. */
export const subjects: readonly Subject[] = [
  {
    id: 'transactions',
    most: { closed: 1_000, open: 20_000 },
    mostOpen: 4_096,
    call: async (model) => {
      const features = new Float32Array(featureCount)
      writeFeatures(features, simulatePayment(Math.random))
      return (await model.run({ features })).placement
    },
  },
  {
    id: 'digits',
    most: { closed: 256, open: 2_000 },
    mostOpen: 1_024,
    call: async (model) => (await model.run({ image: stroke(Math.random) })).placement,
  },
  {
    id: 'bard',
    most: { closed: 32, open: 50 },
    mostOpen: 128,
    call: async (model) => {
      const { result } = model.generate({ prompt: 'Once upon a time', maxTokens: longestText })
      return (await result).placement
    },
  },
]

/** A picture of a straight stroke, somewhere, at some angle. */
function stroke(random: () => number): Float32Array {
  const image = new Float32Array(side * side)
  const angle = random() * Math.PI
  for (let step = -8; step <= 8; step++) {
    const x = Math.round(side / 2 + step * Math.cos(angle))
    const y = Math.round(side / 2 + step * Math.sin(angle))
    image[y * side + x] = 1
  }
  return image
}
