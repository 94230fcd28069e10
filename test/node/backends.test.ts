import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { type Backend, checkInputs, SpillwayError } from '../../models/core/index.ts'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { type CatalogueEntry, readCatalogue } from '../../server/inference/catalogue.ts'
import { type BackendTrial, chooseBackends } from '../../server/inference/gpu/choose-backends.ts'
import { defaultDevice, deviceEnv } from '../../server/inference/gpu/devices.ts'
import { type Hardware, linuxHardware } from '../../server/inference/gpu/hardware.ts'
import type { Measured } from '../../server/inference/gpu/model-backends.ts'
import { createInference } from '../../server/inference/inference.ts'
import { loadRequestOf } from '../../server/inference/session-spec.ts'
import type { LanePlace } from '../../workers/host/pool/pool.ts'
import { failsBeyondGpu } from '../contract/run-beyond-gpu.ts'
import { processLane } from '../support/process-lane.ts'
import { smallGraphs } from '../support/small-models.ts'
import { softwareVulkan } from '../support/software-vulkan.ts'
import { emptyFolder } from '../support/test-models.ts'

const software = softwareVulkan()
const absent = software === undefined ? 'no software Vulkan driver beside Chromium' : undefined
const onCpu = software?.env

const opened: { close(): void }[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.close()
})

async function model(): Promise<CatalogueEntry> {
  const folder = await emptyFolder()
  await writeFile(join(folder, 'model.onnx'), smallGraphs.twice)
  writeManifest(join(folder, 'manifest.json'), await makeManifest(folder))
  const [entry] = (await readCatalogue([folder])).values()
  if (!entry) throw new Error('There is no model')
  return entry
}

/** Lanes that have a software GPU. */
const startLane = ({ backend, device }: LanePlace) =>
  processLane(systemClock, undefined, { ...onCpu, ...deviceEnv(backend, device) })

async function trial(hardware: Hardware, devices = [defaultDevice]) {
  const entry = await model()
  const started: Backend[] = []
  const options: BackendTrial = {
    devices,
    hardware,
    request: (backend) => loadRequestOf(entry, backend),
    startLane: (place) => {
      started.push(place.backend)
      return startLane(place)
    },
  }
  return { options, started }
}

describe.skipIf(absent)(`The backends of a server${absent === undefined ? '' : `: ${absent}`}`, () => {
  test('are the CPU alone, without a further lane, on a machine without a GPU', async () => {
    const { options, started } = await trial(linuxHardware(await emptyFolder()))
    expect(await chooseBackends('auto', options)).toEqual(['cpu'])
    expect(started).toEqual(['cpu'])
  })

  test('do not include a GPU that is software, though it works, unless it is asked for', async () => {
    const { options, started } = await trial({ ...linuxHardware(), hasGpu: async () => true })
    expect(await chooseBackends('auto', options)).toEqual(['cpu'])
    expect(started).toEqual(['cpu', 'webgpu'])
    expect(await chooseBackends('webgpu', options)).toEqual(['webgpu'])
  })

  test('include WebGPU where a lane reaches a GPU by it, and the model stays on the faster one', async () => {
    const { options } = await trial({ hasGpu: async () => true, isUsedBy: async () => true })
    const backends = await chooseBackends('auto', options)
    expect(backends).toEqual(['webgpu', 'cpu'])
    const reports: [Backend, readonly Measured[]][] = []
    const inference = createInference({
      backends,
      cores: 1,
      memoryBudget: 2 ** 30,
      queue: { requests: 10 },
      startLane: (_name, place) => startLane(place),
      clock: systemClock,
      gpuReports: {
        onSuspend: () => expect.fail(),
        onResume: () => expect.fail(),
        onMeasured: (_entry, chosen, measured) => reports.push([chosen, measured]),
      },
    })
    opened.push(inference)
    const entry = await model()
    await inference.prepare(entry)
    const [[chosen, measured] = ['wasm', []]] = reports
    expect(chosen).toBe('cpu')
    expect(measured.map(({ backend }) => backend)).toEqual(['webgpu', 'cpu'])
    for (const { oneMs, fullMs } of measured) expect(oneMs).toBeGreaterThan(fullMs)
    expect(inference.measured(entry)).toEqual(measured)
    const answer = await inference.run(
      entry,
      checkInputs(entry.manifest, { x: Float32Array.of(1, 2, 3) }),
      {},
    )
    expect(answer.executedOn.backend).toBe('cpu')
    const loaded = inference.stats().lanes.filter(({ sessions }) => sessions.length > 0)
    expect(loaded.map(({ backend, device }) => [backend, device])).toEqual([['cpu', undefined]])
  })

  test('are refused with a device that the backend cannot choose', async () => {
    const { options } = await trial(linuxHardware(), ['0'])
    await expect(chooseBackends('webgpu', options)).rejects.toMatchObject({
      code: 'capacity_insufficient',
      message: expect.stringContaining('WebGPU cannot choose the device "0"'),
    })
  })
})

test.skipIf(absent)('a run that is larger than the GPU allows fails, and gives no wrong values', async () => {
  const lane = startLane({ backend: 'webgpu', device: undefined })
  opened.push({ close: () => lane.kill(new SpillwayError('closed', 'The test has ended')) })
  await failsBeyondGpu(lane, 2 ** 30)
})

test.each([
  ['dri/renderD128', true],
  ['nvidia0', true],
  ['nvidiactl', false],
  ['dri/card0', false],
])('a machine with /dev/%s has a GPU: %s', async (path, isGpu) => {
  const root = await emptyFolder()
  await mkdir(join(root, 'dev/dri'), { recursive: true })
  await mkdir(join(root, 'proc/7/fd'), { recursive: true })
  await writeFile(join(root, 'dev', path), '')
  await symlink(`/dev/${path}`, join(root, 'proc/7/fd/20'))
  const hardware = linuxHardware(root)
  expect(await hardware.hasGpu()).toBe(isGpu)
  expect(await hardware.isUsedBy(7)).toBe(isGpu)
  expect(await hardware.isUsedBy(8)).toBe(false)
})
