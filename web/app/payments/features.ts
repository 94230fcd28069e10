/** What is known of a payment and of its card: the model card of `transactions` says how each is computed. */
export interface PaymentFacts {
  /** The amount in medians of the card's amounts. */
  readonly amount: number
  readonly kmFromHome: number
  /** From the place of the last payment in person. */
  readonly kmFromLast: number
  readonly hoursSinceLast: number
  readonly paymentsLastHour: number
  readonly paymentsLastDay: number
  /** In medians. */
  readonly spentLastDay: number
  /** Of the day, from 0 to 24. */
  readonly hour: number
  readonly isOnline: boolean
  readonly hasChip: boolean
  readonly hasPin: boolean
  /** Of the merchant's category, from 0 to 1. */
  readonly categoryRisk: number
  /** Share of the card's payments in this category. */
  readonly categoryShare: number
  readonly isNewMerchant: boolean
}

export const featureCount = 16

/** Writes the model's input of one payment: places count in person only, and a minute is the least time between two. */
export function writeFeatures(target: Float32Array, facts: PaymentFacts): void {
  const { isOnline, kmFromLast, hoursSinceLast, hour } = facts
  const inPerson = isOnline ? 0 : 1
  const angle = (hour / 24) * 2 * Math.PI
  target[0] = Math.log(facts.amount)
  target[1] = facts.kmFromHome * inPerson
  target[2] = kmFromLast * inPerson
  target[3] = hoursSinceLast
  target[4] = (kmFromLast * inPerson) / Math.max(hoursSinceLast, 1 / 60)
  target[5] = facts.paymentsLastHour
  target[6] = facts.paymentsLastDay
  target[7] = facts.spentLastDay
  target[8] = Math.sin(angle)
  target[9] = Math.cos(angle)
  target[10] = 1 - inPerson
  target[11] = facts.hasChip ? inPerson : 0
  target[12] = facts.hasPin ? inPerson : 0
  target[13] = facts.categoryRisk
  target[14] = facts.categoryShare
  target[15] = facts.isNewMerchant ? 1 : 0
}
