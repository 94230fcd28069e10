interface Output {
  readonly content: readonly { readonly text: string }[]
}

/** Adds `output_text`, as the package's client does to its answers. */
export function withOutputText(response: object): object {
  const { output }: { output: readonly Output[] } = Object(response)
  return {
    ...response,
    output_text: output.flatMap(({ content }) => content.map(({ text }) => text)).join(''),
  }
}

/** The same to the response of an event, where it has one. */
export function eventWithOutputText(event: object): object {
  const { response }: { response?: object } = event
  return response ? { ...event, response: withOutputText(response) } : event
}
