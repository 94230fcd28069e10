import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import type { Catalogue } from '../inference/catalogue.ts'
import { inferExamples } from './infer-examples.ts'
import { idOf, versionOf } from './model-parameters.ts'
import { type Body, json, type Operation, type Parameter, requestTimeoutParameter } from './operation.ts'

const oip = { errors: 'Oip' } as const

/** Health, metadata and statistics of the server. */
const serverOperations: readonly Operation[] = [
  {
    ...oip,
    route: 'get /v2/health/live',
    tag: 'Health',
    summary: 'Whether the server can work',
    allowed: 'everybody',
    answer: json('Live'),
  },
  {
    ...oip,
    route: 'get /v2/health/ready',
    tag: 'Health',
    summary: 'Whether requests may come',
    description: 'Models that are not ready are named, and keep no server with others out of service.',
    allowed: 'everybody',
    answer: json('Ready'),
  },
  {
    ...oip,
    route: 'get /v2',
    tag: 'Models',
    summary: 'The server and its extensions',
    allowed: 'callers',
    answer: json('ServerMetadata'),
  },
  {
    ...oip,
    route: 'get /v2/models/stats',
    tag: 'Models',
    summary: 'Statistics of all models',
    allowed: 'callers',
    answer: json('Statistics'),
  },
]

const repositoryOperations = (name: Parameter): Operation[] => [
  {
    ...oip,
    route: 'post /v2/repository/index',
    tag: 'Model repository',
    summary: 'All versions of all models with their states',
    allowed: 'callers',
    body: json('RepositoryIndexRequest', { ready: { value: { ready: true } }, all: { value: {} } }),
    isBodyOptional: true,
    answer: json('RepositoryIndex'),
  },
  {
    ...oip,
    route: 'post /v2/repository/models/{name}/load',
    tag: 'Model repository',
    summary: 'Loads a model',
    description:
      "Reads the model's folders again, and loads those of its versions that are not ready. The answer comes when they are.",
    allowed: 'administrators',
    parameters: [{ ...name, schema: { type: 'string' } }],
    body: json('RepositoryRequest', { load: { value: {} } }),
    isBodyOptional: true,
  },
  {
    ...oip,
    route: 'post /v2/repository/models/{name}/unload',
    tag: 'Model repository',
    summary: 'Unloads a model',
    description: 'Requests that wait or run are answered; later ones are refused with 404.',
    allowed: 'administrators',
    parameters: [name],
    body: json('RepositoryRequest', { unload: { value: {} } }),
    isBodyOptional: true,
  },
]

const binary = { schema: { type: 'string', contentMediaType: 'application/octet-stream' } } as const

const jsonLength: Parameter = {
  name: jsonLengthHeader,
  in: 'header',
  description:
    'With binary tensors: the bytes of the JSON part before them; 0 for the bytes of one input alone.',
  schema: { type: 'integer', minimum: 0 },
}

interface ModelRoute {
  readonly path: string
  readonly parameters: readonly Parameter[]
  /** Of the version, where the path has one. */
  readonly of: string
  readonly infer: Body
}

const modelOperations = ({ path, parameters, of, infer }: ModelRoute): Operation[] => {
  const read = { ...oip, tag: 'Models', allowed: 'callers', parameters } as const
  return [
    { ...read, route: `get ${path}` as 'get /', summary: `Metadata of ${of}`, answer: json('ModelMetadata') },
    {
      ...read,
      route: `get ${path}/ready` as 'get /',
      summary: `Whether ${of} is ready`,
      answer: json('ModelReady'),
    },
    {
      ...read,
      route: `get ${path}/config` as 'get /',
      summary: `${of}, as Triton's model configuration`,
      answer: json('ModelConfiguration'),
    },
    {
      ...read,
      route: `get ${path}/stats` as 'get /',
      summary: `Statistics of ${of}`,
      answer: json('Statistics'),
    },
    {
      ...oip,
      tag: 'Inference',
      allowed: 'callers',
      parameters: [...parameters, jsonLength, requestTimeoutParameter],
      route: `post ${path}/infer` as 'post /',
      summary: `Runs ${of}`,
      description:
        'The parameters `timeout` (microseconds), `priority` (1 is the highest), `binary_data_output`, and of an output `binary_data` and `classification` are read.',
      body: infer,
      answer: { ...json('InferResponse'), 'application/octet-stream': binary },
    },
  ]
}

/** The Open Inference Protocol, with Triton's extensions. */
export function oipOperations(catalogue: Catalogue): Operation[] {
  const name: Parameter = { name: 'name', in: 'path', required: true, schema: idOf(catalogue) }
  const version: Parameter = { name: 'version', in: 'path', required: true, schema: versionOf(catalogue) }
  const infer: Body = {
    ...json('InferRequest', inferExamples(catalogue)),
    'application/octet-stream': binary,
  }
  const newest = { path: '/v2/models/{name}', parameters: [name], of: "a model's newest version", infer }
  const one = {
    path: '/v2/models/{name}/versions/{version}',
    parameters: [name, version],
    of: 'one version of a model',
    infer,
  }
  return [
    ...serverOperations,
    ...modelOperations(newest),
    ...modelOperations(one),
    ...repositoryOperations(name),
  ]
}
