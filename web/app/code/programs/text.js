const bard = await spillway.model('bard')

let tale = 'Once upon a time'
const request = { prompt: tale, maxTokens: 64, seed: 7 }
for await (const { text, placement } of bard.generate(request)) {
  tale += text
  console.clear()
  console.log(tale)
  console.log(placement.explanation)
}
