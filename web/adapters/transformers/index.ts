/**
 * `pipeline()` of transformers.js over a runtime: its own tokenizers, processors and post-processing, with the runtime's
 * lanes, batches, store and server as the model.
 */
import type * as Transformers from '@huggingface/transformers'
import { SpillwayError } from '../../../models/core/index.ts'
import { createRuntime, type Runtime } from '../../api/create-runtime.ts'
import type { Progress } from '../../store/worker/load-files.ts'
import { type DeviceAndDtype, forcedChoice } from './forced-choice.ts'
import { createModelFunction } from './model-function.ts'
import { TaskTurns } from './task-turns.ts'
import {
  aliases,
  type PipelineOf,
  type SinglePassTask,
  severalPasses,
  type Task,
  taskParts,
} from './tasks.ts'

/** Options of `pipeline()`. */
export interface PipelineOptions extends DeviceAndDtype {
  /** A branch, a tag or a commit of the repository. Default `main`. */
  readonly revision?: string
  /** Called as the files load, as by transformers.js. All files of the model are one, named `model`. */
  readonly progress_callback?: Transformers.ProgressCallback
  /** The runtime whose lanes run the model. Default: one for all pipelines of the page. */
  readonly runtime?: Runtime
}

/** What transformers.js calls the repository of a model on the hub. */
const repository = /^(?:hf:)?([\w.-]+\/[\w.-]+)$/

/**
 * Builds a pipeline for a task that takes one pass of a model, as `pipeline()` of transformers.js.
 *
 * @param model A repository in the hub's ONNX layout, `owner/name`.
 * @throws SpillwayError `not_supported` for a task of several passes, or where @huggingface/transformers is not
 * installed; `input_value_invalid` and `input_name_invalid` for a model and options that are not understood; else as
 * `runtime.model()`.
 */
export async function pipeline<T extends Task>(
  task: T,
  model: string,
  options: PipelineOptions = {},
): Promise<PipelineOf<T>> {
  const { pipeline: className, needs } = taskParts[singlePass(task)]
  const [, repo] = repository.exec(model) ?? []
  if (repo === undefined)
    throw new SpillwayError('input_value_invalid', 'A pipeline needs a repository of the hub', {
      expected: '"owner/name"',
      got: model,
    })
  for (const name of Object.keys(options)) if (!known.includes(name)) throw unknownOption(name)
  const { revision = 'main', progress_callback: report } = options
  const transformers = await importTransformers()
  const runtime = options.runtime ?? (await defaultRuntime())
  const from = { revision, ...(report && { progress_callback: report }) }
  const others = Promise.all([
    transformers.AutoConfig.from_pretrained(repo, from),
    needs.includes('tokenizer') ? transformers.AutoTokenizer.from_pretrained(repo, from) : undefined,
    needs.includes('processor') ? transformers.AutoProcessor.from_pretrained(repo, from) : undefined,
  ])
  // The reason why there is no model tells more than theirs.
  others.catch(() => undefined)
  const source = `hf:${repo}@${revision}`
  const choice = await forcedChoice(options, async () => (await runtime.advise(source)).manifest)
  const loading = report && reportLoad(model, report)
  const opened = await runtime.model(source, {
    ...choice,
    ...(loading && { onProgress: loading.onProgress }),
  })
  // An earlier call may have loaded it. Where the server answers meanwhile, the files come later.
  if (opened.state === 'ready') loading?.done()
  const [config, tokenizer, processor] = await others
  const parts = {
    task,
    model: createModelFunction(transformers, opened, config, answerTurns),
    tokenizer,
    processor,
  }
  // The class of the task is known by its name only.
  const made: PipelineOf<T> = Reflect.construct(transformers[className], [parts])
  report?.({ status: 'ready', task, model })
  return inTurns(made)
}

/** A call makes its tokens at once: of calls at the same time, each does so in a task of its own. */
const inTurns = <Call extends (...given: never[]) => unknown>(pipeline: Call): Call =>
  new Proxy(pipeline, {
    apply: async (call, self, given: Parameters<Call>) => {
      await callTurns.next()
      return Reflect.apply(call, self, given)
    },
  })

/** Of all pipelines: a page has one thread. */
const callTurns = new TaskTurns()
const answerTurns = new TaskTurns()

const known = ['revision', 'progress_callback', 'runtime', 'device', 'dtype']

/** Reports the model's files as one file of transformers.js. */
function reportLoad(name: string, report: Transformers.ProgressCallback) {
  const file = 'model'
  let isDone = false
  const done = () => {
    if (!isDone) report({ status: 'done', name, file })
    isDone = true
  }
  report({ status: 'initiate', name, file })
  report({ status: 'download', name, file })
  return {
    onProgress: ({ loadedBytes: loaded, totalBytes: total }: Progress) => {
      if (isDone) return
      report({ status: 'progress', name, file, progress: (100 * loaded) / total, loaded, total })
      if (loaded === total) done()
    },
    done,
  }
}

const unknownOption = (name: string) =>
  new SpillwayError('input_name_invalid', `A pipeline has no option "${name}"`, {
    expected: known.join(', '),
    got: name,
  })

/** @throws SpillwayError `not_supported` for a task of several passes. */
function singlePass(task: Task): SinglePassTask {
  const name = task in aliases ? aliases[task as keyof typeof aliases] : (task as SinglePassTask)
  if (Object.hasOwn(taskParts, name)) return name
  const way = Object.hasOwn(severalPasses, task) ? severalPasses[task] : undefined
  throw new SpillwayError(
    'not_supported',
    way === undefined
      ? `There is no pipeline for the task "${task}"`
      : `The task "${task}" takes several passes of a model, and there is no pipeline for it yet`,
    {
      expected: `a task of one pass: ${Object.keys(taskParts).join(', ')}`,
      got: task,
      ...(way !== undefined && { hint: way }),
    },
  )
}

const importTransformers = () =>
  import('@huggingface/transformers').catch((cause: unknown) => {
    throw new SpillwayError(
      'not_supported',
      'spillway/transformers needs the package @huggingface/transformers',
      { hint: 'Install it beside spillway: npm install @huggingface/transformers' },
      { cause },
    )
  })

let shared: Promise<Runtime> | undefined

/** One for all pipelines that name none: they share its lanes. */
function defaultRuntime(): Promise<Runtime> {
  shared ??= createRuntime()
  return shared
}
