/** The linear projections of a Llama-family layer, by PEFT's names of their modules. */
export const projectionNames = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
] as const
export type ProjectionName = (typeof projectionNames)[number]

/** A projection of one layer. */
export interface ProjectionPlace {
  readonly layer: number
  readonly name: ProjectionName
}

export const keyOf = ({ layer, name }: ProjectionPlace): string => `layers.${layer}.${name}`
