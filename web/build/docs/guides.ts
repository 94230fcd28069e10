/** A document of the repository, or the sections of it with these headings. */
export interface GuidePart {
  readonly document: string
  readonly sections?: readonly string[]
}

export interface Guide {
  /** Of its file: `NAME.html` in the folder `docs` of the site. */
  readonly name: string
  readonly title: string
  /** For search engines and for those who look for a guide. */
  readonly description: string
  readonly parts: readonly GuidePart[]
}

/** The guides of the site in their order. They are the documents of the repository: no text is written twice. */
export const guides: readonly Guide[] = [
  {
    name: 'index',
    title: 'Start',
    description: 'A model in ten lines on a page, in a bundled application, or in a program.',
    parts: [
      { document: 'README.md', sections: ['Ten lines on a page'] },
      { document: 'web/README.md', sections: ['In a bundled application', 'In a program without a page'] },
      { document: 'README.md', sections: ['What the device needs'] },
    ],
  },
  {
    name: 'embed',
    title: 'Embed',
    description:
      'The script tag, its attributes and options, on pages of any origin and under their policies.',
    parts: [
      {
        document: 'web/README.md',
        sections: ['Start', 'Content security policy', 'Subresource integrity'],
      },
    ],
  },
  {
    name: 'elements',
    title: 'Elements',
    description: "A pad, a chat and the picture of a page's requests as tags to paste.",
    parts: [{ document: 'web/elements/README.md' }],
  },
  {
    name: 'policies',
    title: 'Policies and privacy',
    description: 'Where a request may run, what leaves the device, and how a place is chosen.',
    parts: [
      { document: 'README.md', sections: ['Choose where requests run'] },
      { document: 'web/docs/privacy.md' },
      { document: 'web/README.md', sections: ['From Firebase AI Logic'] },
      { document: 'web/placement/README.md', sections: ['The policy table', 'Spill', 'Bridging'] },
    ],
  },
  {
    name: 'runs',
    title: 'Runs',
    description: 'Load a model, run it, keep its state between runs, and see what the runtime does.',
    parts: [
      {
        document: 'web/README.md',
        sections: ['Models', 'Runs', 'Sessions', 'Storage and statistics', 'Errors'],
      },
    ],
  },
  {
    name: 'text',
    title: 'Text',
    description: 'Generate texts, chat, hold a text to a schema, let a model call tools, and embed.',
    parts: [
      { document: 'README.md', sections: ['Generate text'] },
      { document: 'web/README.md', sections: ['Text', "OpenAI's client"] },
    ],
  },
  {
    name: 'adapters',
    title: 'Adapters',
    description: 'React, Vue, Svelte, the AI SDK, transformers.js and libraries over onnxruntime-web.',
    parts: [{ document: 'web/adapters/README.md' }],
  },
  {
    name: 'models',
    title: 'Models',
    description: 'The catalogue, models of the hub, models of your own, and smaller variants of them.',
    parts: [
      { document: 'README.md', sections: ['Models from the hub, and your own'] },
      {
        document: 'models/README.md',
        sections: ['The catalogue', 'A model of your own', 'Quantization in numbers'],
      },
    ],
  },
  {
    name: 'server',
    title: 'Server',
    description: 'What the server answers, how it fails, and every setting.',
    parts: [
      {
        document: 'server/README.md',
        sections: [
          'In your own app',
          'Configuration',
          'Models on demand',
          'GPUs',
          'gRPC',
          'Health, log and metrics',
          'How it fails',
          'What it protects',
        ],
      },
    ],
  },
  {
    name: 'keys',
    title: 'Keys and limits',
    description: 'Who may call the server, from where, and how much.',
    parts: [{ document: 'server/SECURITY.md' }],
  },
  {
    name: 'deploy',
    title: 'Deploy',
    description: 'From nothing to a server with users: a folder, a container, a proxy, Kubernetes.',
    parts: [
      {
        document: 'server/deploy/README.md',
        sections: [
          '1. A folder',
          '2. A container',
          '3. With metrics',
          '4. Behind a proxy',
          '5. On Kubernetes',
        ],
      },
    ],
  },
  {
    name: 'metrics',
    title: 'Metrics',
    description: 'Metrics, the log and traces of a server, and what pages report.',
    parts: [{ document: 'server/OBSERVABILITY.md' }],
  },
  {
    name: 'upstreams',
    title: 'Upstreams',
    description: 'Triton, KServe, vLLM and further Spillways behind the server.',
    parts: [{ document: 'server/UPSTREAMS.md' }],
  },
  {
    name: 'scaling',
    title: 'Scaling',
    description: 'Past one machine, and a simulated day of a million visitors.',
    parts: [
      { document: 'server/deploy/README.md', sections: ['Growing past one machine'] },
      { document: 'test/bench/scale/SCALING.md' },
    ],
  },
  {
    name: 'errors',
    title: 'Troubleshooting',
    description: 'Every error code: what it means, what to do, and an example.',
    parts: [{ document: 'web/docs/errors.md' }],
  },
]
