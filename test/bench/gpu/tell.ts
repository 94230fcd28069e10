export const tell = (text: string): void => void process.stderr.write(`bench:gpu: ${text}\n`)

export const print = (line: string): void => void process.stdout.write(`${line}\n`)
