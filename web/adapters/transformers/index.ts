/**
 * `pipeline()` of transformers.js over a runtime: its own tokenizers, processors and post-processing, with the runtime's
 * lanes, batches, store and server as the model.
 */
import { SpillwayError } from '../../../models/core/index.ts'
import { createRuntime, type Runtime } from '../../api/create-runtime.ts'
import type { Progress } from '../../store/worker/load-files.ts'
import { createModelFunction } from './model-function.ts'
import { aliases, type PipelineOf, type SinglePassTask, type Task, taskParts } from './tasks.ts'

/** Options of `pipeline()`. */
export interface PipelineOptions {
  /** A branch, a tag or a commit of the repository. Default `main`. */
  readonly revision?: string
  /** Called as the model loads, with the words of transformers.js. */
  readonly progress_callback?: (progress: PipelineProgress) => void
  /** The runtime whose lanes run the model. Default: one for all pipelines of the page. */
  readonly runtime?: Runtime
}

/** Of the model's files and the runtime together. */
export type PipelineProgress =
  | {
      readonly status: 'progress'
      readonly name: string
      readonly progress: number
      readonly loaded: number
      readonly total: number
    }
  | { readonly status: 'ready'; readonly task: string; readonly model: string }

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
  const onProgress = ({ loadedBytes: loaded, totalBytes: total }: Progress) =>
    report?.({ status: 'progress', name: model, progress: (100 * loaded) / total, loaded, total })
  const from = { revision }
  const others = Promise.all([
    transformers.AutoConfig.from_pretrained(repo, from),
    needs.includes('tokenizer') ? transformers.AutoTokenizer.from_pretrained(repo, from) : undefined,
    needs.includes('processor') ? transformers.AutoProcessor.from_pretrained(repo, from) : undefined,
  ])
  // The reason why there is no model tells more than theirs.
  others.catch(() => undefined)
  const opened = await runtime.model(`hf:${repo}@${revision}`, report ? { onProgress } : {})
  const [config, tokenizer, processor] = await others
  const parts = { task, model: createModelFunction(transformers, opened, config), tokenizer, processor }
  // The class of the task is known by its name only.
  const made: PipelineOf<T> = Reflect.construct(transformers[className], [parts])
  report?.({ status: 'ready', task, model })
  return made
}

const known = ['revision', 'progress_callback', 'runtime']

const unknownOption = (name: string) =>
  new SpillwayError('input_name_invalid', `A pipeline has no option "${name}"`, {
    expected: known.join(', '),
    got: name,
    hint: "Where a model runs, and which of its variants, is the runtime's choice: see its policy.",
  })

/** @throws SpillwayError `not_supported` for a task of several passes. */
function singlePass(task: Task): SinglePassTask {
  const name = task in aliases ? aliases[task as keyof typeof aliases] : (task as SinglePassTask)
  if (Object.hasOwn(taskParts, name)) return name
  throw new SpillwayError('not_supported', `There is no pipeline for the task "${task}"`, {
    expected: `a task of one pass: ${Object.keys(taskParts).join(', ')}`,
    got: task,
    hint: 'model.generate() writes texts and model.embed() makes vectors, without transformers.js.',
  })
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
