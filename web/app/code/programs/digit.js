const model = await spillway.model('digits')

// An upright stroke: white on black, 0 to 1.
const image = new Float32Array(28 * 28)
for (let row = 4; row < 24; row++) image.fill(1, row * 28 + 13, row * 28 + 15)

// A thousand calls share a few runs.
const many = { length: 1000 }
const calls = Array.from(many, () => model.run({ image }))
const [{ outputs, placement, timings }] = await Promise.all(calls)

const scores = [...outputs.logits.data]
const best = scores.indexOf(Math.max(...scores))
console.log('It is a', model.manifest.labels[best])
console.log('Answered in', Math.ceil(timings.totalMs), 'ms')
console.log(placement.explanation)
