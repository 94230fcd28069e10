import { SpillwayError } from '../../../models/core/index.ts'
import { isAsProposed } from './is-as-proposed.ts'
import type {
  Choice,
  ChoiceRow,
  Chooser,
  Chosen,
  CreateSampler,
  DeviceLogits,
  Logits,
  Sampler,
} from './types.ts'

class CpuChoice implements Choice {
  readonly sampler: Sampler

  constructor(sampler: Sampler) {
    this.sampler = sampler
  }

  recount(gone: readonly number[], come: readonly number[]): void {
    this.sampler.recount(gone, come)
  }

  close(): void {}
}

/** Chooses tokens from logits that the CPU has. */
export const cpuChooser = (createSampler: CreateSampler): Chooser => ({
  open: (sampling, prompt, generated) => new CpuChoice(createSampler(sampling, prompt, generated)),
  choose: async (rows) => rows.map(choose),
  verify: async (rows, proposed) => verify(rows, proposed),
  keep: async (logits) => ({ ...onCpu(logits), values: onCpu(logits).values.slice() }),
  close: () => {},
})

function choose({ choice, logits, position, allowed }: ChoiceRow): Chosen {
  if (!(choice instanceof CpuChoice)) throw new TypeError('The choice is of another chooser')
  try {
    return choice.sampler.next(onCpu(logits), position, allowed)
  } catch (cause) {
    if (cause instanceof SpillwayError) return cause
    throw cause
  }
}

/** Each choice counts its token, so none is made after one that is wrong. */
function verify(rows: readonly ChoiceRow[], proposed: readonly number[]): readonly Chosen[] {
  const made: Chosen[] = []
  for (const [at, row] of rows.entries()) {
    const chosen = choose(row)
    made.push(chosen)
    if (!isAsProposed(chosen, proposed[at])) break
  }
  return made
}

function onCpu(logits: Logits | DeviceLogits): Logits {
  if ('values' in logits) return logits
  throw new TypeError('The logits are not on the CPU')
}
