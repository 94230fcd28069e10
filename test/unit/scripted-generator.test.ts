import { tokenGeneratorContract } from '../contract/token-generator.ts'
import { scriptedGenerator } from '../support/scripted-generator.ts'

const text = `Once there was ${'a fox and '.repeat(100)}`
const tokens = [...text].map((character) => character.codePointAt(0) ?? 0)

// The tests of servers and texts rely on this stand-in: it must not be kinder than what it stands for.
tokenGeneratorContract('The scripted generator', {
  generator: () => generator,
  prompt: tokens.slice(0, 4),
  continuation: tokens.slice(4, 20),
})

const generator = scriptedGenerator({ text })
