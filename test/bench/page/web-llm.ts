import { MLCEngine } from '@mlc-ai/web-llm'

/** The numbers of prompts are below it. Each stands for a letter; few of them would make equal prompts. */
export const promptTokens = 2 ** 16

/** WebLLM over a folder in MLC's layout. It writes one text at a time. */
export async function openWebLlm(folder: string, library: string) {
  const engine = new MLCEngine({
    appConfig: { model_list: [{ model: folder, model_id: 'random', model_lib: library }] },
    logLevel: 'WARN',
  })
  await engine.reload('random')
  return {
    /** @returns How many tokens it wrote. */
    generate: async (prompt: readonly number[], tokens: number): Promise<number> => {
      // Each letter is a token of its own: the tokenizer merges nothing.
      const letters = prompt.map((token) => String.fromCharCode(97 + (token % 26)))
      const { usage } = await engine.completions.create({
        prompt: letters.join(''),
        max_tokens: tokens,
        temperature: 0,
        ignore_eos: true,
      })
      // The prompt gives the first token, which it does not count.
      return usage ? 1 + usage.completion_tokens : 0
    },
    close: () => engine.unload(),
  }
}
