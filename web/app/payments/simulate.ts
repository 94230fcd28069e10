import type { PaymentFacts } from './features.ts'

/** One payment in so many is fraud, as in the data that the model was trained on. */
const fraudOneIn = 250

/** Categories of merchants and the risk that the model knows them by. */
const everyday = [0.1, 0.1, 0.1, 0.2, 0.3, 0.3, 0.4] as const

/** @param random From 0 to 1, as `Math.random`. */
export const simulatePayment = (random: () => number): PaymentFacts =>
  random() * fraudOneIn < 1 ? (random() < 0.5 ? cloned(random) : tried(random)) : ordinary(random)

/** Groceries, fuel, a subscription: near home, by chip, at a merchant of before. */
function ordinary(random: () => number): PaymentFacts {
  const isOnline = random() < 0.2
  const day = Math.floor(random() * 4)
  return {
    // Most amounts are near the median, some are three times as large.
    amount: Math.exp((random() + random() + random() - 1.5) * 0.9),
    kmFromHome: 12 * random() ** 2,
    kmFromLast: 10 * random() ** 2,
    hoursSinceLast: 3 + random() * 30,
    paymentsLastHour: 0,
    paymentsLastDay: day,
    spentLastDay: day * (0.5 + random()),
    hour: 8 + random() * 13,
    isOnline,
    hasChip: true,
    hasPin: random() < 0.4,
    categoryRisk: everyday[Math.floor(random() * everyday.length)] ?? 0.1,
    categoryShare: 0.05 + random() * 0.35,
    isNewMerchant: random() < 0.1,
  }
}

/** A cloned stripe: far from home, soon after a payment there, dear things. */
function cloned(random: () => number): PaymentFacts {
  const km = 600 + random() * 1_800
  return {
    amount: 8 + random() * 20,
    kmFromHome: km,
    kmFromLast: km,
    hoursSinceLast: 0.2 + random() * 0.6,
    paymentsLastHour: 2 + Math.floor(random() * 3),
    paymentsLastDay: 4 + Math.floor(random() * 3),
    spentLastDay: 12 + random() * 20,
    hour: random() * 24,
    isOnline: false,
    hasChip: false,
    hasPin: false,
    categoryRisk: 0.8,
    categoryShare: 0.01,
    isNewMerchant: true,
  }
}

/** A number tried online with small amounts, then used for a large one at night. */
function tried(random: () => number): PaymentFacts {
  return {
    amount: 6 + random() * 18,
    kmFromHome: 0,
    kmFromLast: 0,
    hoursSinceLast: 0.02 + random() * 0.1,
    paymentsLastHour: 4 + Math.floor(random() * 5),
    paymentsLastDay: 6 + Math.floor(random() * 5),
    spentLastDay: 10 + random() * 20,
    hour: 1 + random() * 4,
    isOnline: true,
    hasChip: false,
    hasPin: false,
    categoryRisk: 0.9 + random() * 0.1,
    categoryShare: 0,
    isNewMerchant: true,
  }
}
