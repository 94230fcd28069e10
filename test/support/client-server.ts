import { bardsWithTemplates } from './bard-variants.ts'
import { startServer } from './server.ts'
import { writeEmbedder } from './write-model.ts'

/** Reads calls of tools and their results, as most templates do. */
const tools =
  "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% for c in m.tool_calls or [] %}{{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %}\n{% endfor %}"

/** The built server with small models for suites of real clients. */
export interface ClientServer {
  /** The address that clients of OpenAI's API take. */
  readonly baseUrl: string
  /** As many short texts as `embedder` embeds in one request. */
  readonly texts: readonly string[]
  /** The chats of a model that run now, as the metrics tell. */
  running(model: string): Promise<string | undefined>
  stop(): Promise<unknown>
}

/** Models: `plain` reads only content, `tools` also calls of tools, `embedder` embeds in 8 numbers. */
export async function startClientServer(): Promise<ClientServer> {
  const folder = await bardsWithTemplates({
    plain: "{% for m in messages %}{{ m['content'] }}\n{% endfor %}",
    tools,
  })
  const shape = { words: 300, width: 8, heads: 2, layers: 1, context: 64 }
  const language = await writeEmbedder(folder, 'embedder', shape)
  const lengths = Array.from({ length: 2_048 }, (_, index) => 1 + (index % 9))
  const server = await startServer({ SPILLWAY_MODELS: folder })
  return {
    baseUrl: new URL('v1', server.url).href,
    texts: language.texts(lengths, 1),
    running: async (model) => {
      const metrics = await (await fetch(new URL('metrics', server.url))).text()
      return new RegExp(`vllm:num_requests_running\\{model_name="${model}"\\} (\\d+)`).exec(metrics)?.[1]
    },
    stop: () => server.stop(),
  }
}
