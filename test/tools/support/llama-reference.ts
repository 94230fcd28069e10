/**
 * A forward pass of the Llama family written for checking, as plainly as the models' papers have it and without
 * anything of ours: one token after the other, all in doubles.
 */

export interface ReferenceConfig {
  readonly hidden_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads: number
  readonly head_dim: number
  readonly vocab_size: number
  readonly rms_norm_eps: number
  readonly sliding_window?: number
  /** Radians a position, by pair, and what turned numbers are multiplied with. */
  readonly frequencies: readonly number[]
  readonly attentionFactor?: number
}

export interface Matrix {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

type Vector = readonly number[]

/** By position, then by head. */
interface Past {
  readonly keys: Vector[][]
  readonly values: Vector[][]
}

/** The logits after each token. */
export function referenceLogits(
  config: ReferenceConfig,
  weights: ReadonlyMap<string, Matrix>,
  tokens: readonly number[],
): number[][] {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: size, rms_norm_eps } = config
  const find = (name: string): Matrix => {
    const found = weights.get(name)
    if (!found) throw new Error(`no ${name}`)
    return found
  }
  const row = ({ shape, values }: Matrix, index: number) => {
    const width = shape[1] ?? 1
    return Array.from(values.subarray(index * width, (index + 1) * width))
  }
  const times = (name: string, input: Vector): number[] => {
    const matrix = find(`${name}.weight`)
    const bias = weights.get(`${name}.bias`)
    return Array.from(
      { length: matrix.shape[0] ?? 0 },
      (_, output) => dot(row(matrix, output), input) + (bias?.values[output] ?? 0),
    )
  }
  const normalized = (input: Vector, gain: Matrix): number[] => {
    const scale = 1 / Math.sqrt(dot(input, input) / input.length + rms_norm_eps)
    return input.map((one, index) => one * scale * (gain.values[index] ?? 0))
  }
  const headsOf = (vector: Vector, count: number) =>
    Array.from({ length: count }, (_, head) => vector.slice(head * size, (head + 1) * size))
  const turned = (head: Vector, position: number): number[] =>
    head.map((one, at) => {
      const pair = at % (size / 2)
      const angle = position * (config.frequencies[pair] ?? 0)
      const other = at < size / 2 ? -(head[at + size / 2] ?? 0) : (head[at - size / 2] ?? 0)
      return (one * Math.cos(angle) + other * Math.sin(angle)) * (config.attentionFactor ?? 1)
    })

  const past = Array.from({ length: config.num_hidden_layers }, () => ({ keys: [], values: [] }) as Past)
  const table = find('model.embed_tokens.weight')
  return tokens.map((token, position) => {
    let stream: number[] = row(table, token)
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const at = `model.layers.${layer}`
      const input = normalized(stream, find(`${at}.input_layernorm.weight`))
      const project = (role: 'q' | 'k', count: number) =>
        headsOf(times(`${at}.self_attn.${role}_proj`, input), count).map((head) => {
          const gain = weights.get(`${at}.self_attn.${role}_norm.weight`)
          return turned(gain ? normalized(head, gain) : head, position)
        })
      const queries = project('q', heads)
      const { keys: layerKeys, values: layerValues } = past[layer] ?? { keys: [], values: [] }
      layerKeys.push(project('k', kvHeads))
      layerValues.push(headsOf(times(`${at}.self_attn.v_proj`, input), kvHeads))
      const from = Math.max(0, position + 1 - (config.sliding_window ?? position + 1))
      const attended = queries.flatMap((query, head) => {
        const shared = Math.floor(head / (heads / kvHeads))
        const scores = layerKeys.slice(from).map((key) => dot(query, key[shared] ?? []) / Math.sqrt(size))
        const shares = softmax(scores)
        return Array.from({ length: size }, (_, index) =>
          dot(
            shares,
            layerValues.slice(from).map((value) => value[shared]?.[index] ?? 0),
          ),
        )
      })
      stream = add(stream, times(`${at}.self_attn.o_proj`, attended))
      const second = normalized(stream, find(`${at}.post_attention_layernorm.weight`))
      const gate = times(`${at}.mlp.gate_proj`, second).map((one) => one / (1 + Math.exp(-one)))
      const up = times(`${at}.mlp.up_proj`, second)
      stream = add(
        stream,
        times(
          `${at}.mlp.down_proj`,
          gate.map((one, index) => one * (up[index] ?? 0)),
        ),
      )
    }
    const last = normalized(stream, find('model.norm.weight'))
    return times(weights.has('lm_head.weight') ? 'lm_head' : 'model.embed_tokens', last)
  })
}

const dot = (one: Vector, other: Vector): number =>
  one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0)

const add = (one: Vector, other: Vector): number[] => one.map((value, index) => value + (other[index] ?? 0))

function softmax(scores: Vector): number[] {
  const largest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - largest))
  const sum = powers.reduce((all, power) => all + power, 0)
  return powers.map((power) => power / sum)
}
