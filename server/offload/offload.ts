import { type Transferable, Worker } from 'node:worker_threads'
import { abortedBy } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import { RankedQueue } from '../../workers/host/scheduler/ranked-queue.ts'
import { type Turn, Turns } from '../../workers/host/scheduler/turns.ts'
import type { TaskMessage, TaskReply } from './protocol.ts'
import type { TaskInput, TaskName, TaskResult } from './tasks.ts'

/** How a task waits, beside its input. */
export interface Job {
  /** Its size: what callers take turns by, and what is bounded. */
  readonly bytes: number
  /** Buffers of the input that move to the thread. */
  readonly transfer?: readonly ArrayBufferLike[]
  readonly caller?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Runs tasks on large data in a thread of their own. */
export interface Offload {
  /**
   * @throws SpillwayError as the task does; `overloaded` where too much waits, `aborted` where the caller left before its
   * task began, `deadline_exceeded` where the task took too long, `memory_exhausted` or `internal` where the thread died.
   */
  run<N extends TaskName>(name: N, input: TaskInput<N>, job: Job): Promise<TaskResult<N>>
  close(): void
}

export interface OffloadOptions {
  /** The built form of entry.ts. */
  readonly entry: URL
  readonly clock: Clock
  /** Milliseconds that a task may take. */
  readonly taskMs: number
  /** Bytes of all tasks that wait or run. A single task may have more. */
  readonly maxBytes: number
  /** The thread's heap. Default: as large as the server's. */
  readonly maxMegabytes?: number | undefined
}

interface WaitingTask {
  readonly rank: number
  readonly turn: Turn
  readonly message: TaskMessage
  readonly job: Job
  resolve(value: unknown): void
  reject(error: Error): void
  /** The caller left while the task waited. */
  leave(): void
}

/** Milliseconds after which it makes sense to try again. */
const retryAfterMs = 1_000

/**
 * One thread, which gets one task at a time, so that a task that kills the thread or never ends is known. The thread is
 * started with the first task, and again after its death.
 */
export function createOffload({ entry, clock, taskMs, maxBytes, maxMegabytes }: OffloadOptions): Offload {
  const waiting = new RankedQueue<WaitingTask>()
  const turns = new Turns()
  let bytes = 0
  let running: WaitingTask | undefined
  let thread: Worker | undefined
  let cancelTimer = () => {}
  let isClosed = false

  const settle = (settleTask: (task: WaitingTask) => void) => {
    const task = running
    if (!task) return
    cancelTimer()
    running = undefined
    bytes -= task.job.bytes
    settleTask(task)
    startNext()
  }

  /** Fails the task at hand; the next one gets a new thread. */
  const replace = (dead: Worker, error: Error) => {
    if (thread !== dead) return
    thread = undefined
    void dead.terminate()
    settle((task) => task.reject(error))
  }

  /** Its body is freed now: the task at hand may take long. */
  const leave = (task: WaitingTask) => {
    waiting.keep((other) => other !== task)
    turns.giveBack(task.turn)
    bytes -= task.job.bytes
    if (task.job.signal) task.reject(abortedBy(task.job.signal))
  }

  const startThread = (): Worker => {
    const started = new Worker(
      entry,
      maxMegabytes === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxMegabytes } },
    )
    // The server's sockets keep the process alive.
    started.unref()
    started.on('message', (reply: TaskReply) => {
      if (thread !== started) return
      settle((task) => {
        if ('value' in reply) task.resolve(reply.value)
        else task.reject('error' in reply ? SpillwayError.fromWire(reply.error) : reply.failure)
      })
    })
    started.on('error', (cause) => replace(started, deathOf(cause)))
    started.on('exit', (code) => replace(started, deathOf(new Error(`The thread ended with ${code}`))))
    return started
  }

  const startNext = (): void => {
    if (running) return
    const task = waiting.shift()
    if (!task) {
      turns.clear()
      return
    }
    running = task
    turns.reach(task.turn)
    const { job, message } = task
    job.signal?.removeEventListener('abort', task.leave)
    const refusal = isClosed ? closed() : job.signal?.aborted ? abortedBy(job.signal) : undefined
    if (refusal) {
      settle(() => task.reject(refusal))
      return
    }
    try {
      thread ??= startThread()
      const used = thread
      cancelTimer = clock.after(taskMs, () => replace(used, tookTooLong(taskMs)))
      used.postMessage(message, job.transfer as Transferable[] | undefined)
    } catch (cause) {
      settle(() => task.reject(SpillwayError.from(cause, 'internal', 'A request could not leave its thread')))
    }
  }

  return {
    run: <N extends TaskName>(name: N, input: TaskInput<N>, job: Job) =>
      new Promise<TaskResult<N>>((resolve, reject) => {
        if (bytes > 0 && bytes + job.bytes > maxBytes) {
          reject(tooMuch(maxBytes, bytes))
          return
        }
        bytes += job.bytes
        const turn = turns.take(job.caller ?? '', job.bytes)
        const task: WaitingTask = {
          rank: turn.start,
          turn,
          message: { name, input },
          job,
          resolve: (value) => resolve(value as TaskResult<N>),
          reject,
          leave: () => leave(task),
        }
        waiting.push(task)
        job.signal?.addEventListener('abort', task.leave, { once: true })
        startNext()
      }),
    close: () => {
      isClosed = true
      const ended = thread
      thread = undefined
      void ended?.terminate()
      settle((task) => task.reject(closed()))
    },
  }
}

const tooMuch = (maxBytes: number, bytes: number) =>
  new SpillwayError('overloaded', 'Too many large requests are being read', {
    expected: `at most ${maxBytes} bytes of them`,
    got: `${bytes}`,
    retryAfterMs,
    hint: 'Try again later, or send less at once.',
  })

const tookTooLong = (taskMs: number) =>
  new SpillwayError('deadline_exceeded', 'The request took too long to read or to write', {
    expected: `at most ${taskMs} ms`,
    hint: 'Send less in one request.',
  })

function deathOf(cause: unknown): SpillwayError {
  const isMemory = cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
  return isMemory
    ? new SpillwayError('memory_exhausted', 'The request takes too much memory to read', {
        hint: 'Send less in one request.',
      })
    : new SpillwayError(
        'internal',
        `The thread that read the request ended: ${messageOf(cause)}`,
        {},
        { cause },
      )
}
