/** The `training.json` that models/train/bard.py writes. */
export interface BardTraining {
  readonly seed: number
  readonly parameters: number
  readonly tokens: number
  readonly steps: number
  readonly minutes: number
  readonly text: string
  readonly trainingTales: number
  readonly trainingTokens: number
  readonly heldOutTales: number
  readonly heldOutTokens: number
  readonly heldOutBytes: number
  readonly heldOutLoss: number
  readonly versions: string
}

export interface MeasuredVariant {
  readonly id: string
  /** Bytes. */
  readonly size: number
  /** Nats per token. */
  readonly loss: number
}

const count = (value: number) => value.toLocaleString('en-US')

/** Bits per byte of text: comparable between models with different vocabularies. */
const bitsPerByte = (loss: number, { heldOutTokens, heldOutBytes }: BardTraining) =>
  ((loss / Math.LN2) * heldOutTokens) / heldOutBytes

export function bardCard(
  training: BardTraining,
  variants: readonly MeasuredVariant[],
  samples: readonly { readonly seed: number; readonly text: string }[],
): string {
  const rows = [{ id: 'as trained (PyTorch)', size: undefined, loss: training.heldOutLoss }, ...variants].map(
    ({ id, size, loss }) => [
      id,
      size === undefined ? '' : `${(size / 1e6).toFixed(2)} MB`,
      loss.toFixed(4),
      bitsPerByte(loss, training).toFixed(3),
    ],
  )
  return `# bard

A story teller of ${count(training.parameters)} parameters, small enough for any page: it shows what streaming and shared steps look like. It writes sentences in the manner of old fairy tales; it has little sense of what it says, forgets who is who within a few lines, and knows nothing.

## Model

A Llama: 4 layers of width 192, six query heads over two of keys and values (32 each), SwiGLU of 512, rotary positions, one embedding for both ends. Context 512 tokens. Byte-level byte-pair encoding with 3,072 pieces, learnt from the training tales; \`<|endoftext|>\` stands before every tale and ends it. Its chat template only joins the messages, so that a turn goes on where the last one ended: there is no dialogue in the data.

## Data

\`stories.txt\`: [public-domain tales and chapters of children's books](tales.md), all first published before 1929, 18.9 MB (SHA-256 \`${training.text}\`). ${count(training.trainingTales)} tales (${count(training.trainingTokens)} tokens) to train on, ${training.heldOutTales} whole tales (${count(training.heldOutTokens)} tokens) held out by chance. Near-duplicates were left out, but some tales remain in two translations, so a held-out tale may have a sister among the others. Period attitudes remain in places, and the model may repeat them.

## Training

\`models/train/bard.py\`, seed ${training.seed}, on one core that other work shared: ${count(training.tokens)} tokens in ${count(training.steps)} steps and ${training.minutes} minutes, the learning rate following the clock. Muon for the matrices, AdamW for the embedding; windows of 256 tokens for the first 60% of the time, of 512 after. ${training.versions}. A run by the clock gives other weights each time; \`--tokens ${training.tokens}\` gives as much training on any machine.

## Measured

On the held-out tales, in windows of 512 tokens one after the other, every variant run by ONNX Runtime:

| variant | size | loss, nats a token | bits a byte |
| --- | --- | --- | --- |
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

## Samples

Not chosen: seeds 0 to ${samples.length - 1}, temperature 0.8, top-p 0.95, of \`${variants[0]?.id}\`, 120 new tokens.

${samples.map(({ seed, text }) => `Seed ${seed}:\n\n${quoted(text)}`).join('\n\n')}

## Licence

MIT, the weights too.
`
}

const quoted = (text: string) =>
  text
    .split('\n')
    .map((line) => (line === '' ? '>' : `> ${line}`))
    .join('\n')
