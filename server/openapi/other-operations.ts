import type { Catalogue } from '../inference/catalogue.ts'
import { idOf } from './model-parameters.ts'
import { json, type Operation } from './operation.ts'

const other = { errors: 'Oip', allowed: 'everybody' } as const
const text = { schema: { type: 'string' } } as const

/** What is of neither protocol. */
export const otherOperations = (catalogue: Catalogue): Operation[] => [
  {
    ...other,
    route: 'post /auth/token',
    tag: 'Access',
    summary: "Exchanges a page's key for a token",
    description: "The request comes from a page of the key's origins.",
    body: json('TokenRequest', { page: { value: { key: 'pk_…' } } }),
    answer: json('TokenAnswer'),
  },
  {
    ...other,
    route: 'get /models/catalogue.json',
    tag: 'Files',
    summary: 'The manifests of all models, for pages',
    answer: json('Catalogue'),
  },
  {
    ...other,
    route: 'get /models/{id}/manifest.json',
    tag: 'Files',
    summary: "The manifest of a model's newest version",
    parameters: [{ name: 'id', in: 'path', required: true, schema: idOf(catalogue) }],
    answer: json('Manifest'),
  },
  {
    ...other,
    route: 'get /models/{path}',
    tag: 'Files',
    summary: 'A file of a model, or a part of it',
    description:
      'The path is that of the model and of its file, such as `digits/q8/model.onnx`. With `sha256` the answer may be cached for ever. Files of models with `"access": "key"` are for callers.',
    parameters: [
      { name: 'path', in: 'path', required: true, schema: { type: 'string' } },
      {
        name: 'sha256',
        in: 'query',
        schema: { type: 'string' },
        description: "The file's hash, in its manifest.",
      },
      { name: 'range', in: 'header', schema: { type: 'string' }, description: 'One range of bytes.' },
    ],
    answer: {
      'application/octet-stream': {
        schema: { type: 'string', contentMediaType: 'application/octet-stream' },
      },
    },
  },
  {
    ...other,
    route: 'post /telemetry',
    tag: 'Observability',
    summary: 'Takes what a page reports of its requests',
    allowed: 'callers',
    body: json('TelemetryReport'),
    status: 204,
  },
  {
    ...other,
    route: 'get /metrics',
    tag: 'Observability',
    summary: 'Metrics for Prometheus, for this machine only',
    answer: { 'text/plain': text },
  },
  {
    ...other,
    route: 'get /openapi.json',
    tag: 'Documentation',
    summary: 'This document',
    answer: { 'application/json': { schema: { type: 'object' } } },
  },
  {
    ...other,
    route: 'get /openapi',
    tag: 'Documentation',
    summary: 'A page that shows this document',
    answer: { 'text/html': text },
  },
]
