const model = await spillway.model('transactions')

// Seven times the usual amount, 1,800 km from home,
// half an hour after a payment at home.
const place = [1.9, 1800, 1796, 0.5, 3592]
const habits = [1, 3, 2.4, -0.866, -0.5, 0, 0, 0, 0.8, 0.02, 1]
const features = Float32Array.of(...place, ...habits)

const { outputs, placement } = await model.run({ features })
const [probability] = outputs.probability.data
console.log('Probability of fraud', probability.toFixed(2))
console.log(placement.explanation)
