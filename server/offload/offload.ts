import { type Transferable, Worker } from 'node:worker_threads'
import { abortedBy } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { Deadlines } from '../../models/async/deadlines.ts'
import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { chooseDisplaced } from '../../workers/host/scheduler/displace.ts'
import { closed, pastDeadline } from '../../workers/host/scheduler/errors.ts'
import { RankedQueue } from '../../workers/host/scheduler/ranked-queue.ts'
import { type Turn, Turns } from '../../workers/host/scheduler/turns.ts'
import { ArrivingBodies, tooManyBytes } from '../http/arriving-bodies.ts'
import type { RequestWait } from '../inference/request-wait.ts'
import type { TaskMessage, TaskReply } from './protocol.ts'
import type { TaskInput, TaskName, TaskResult } from './tasks.ts'

/** How a task waits, beside its input: until its request's deadline, by its caller's turn; priorities do not count. */
export interface Job extends RequestWait {
  /** Its size: what callers take turns by, and what is bounded. */
  readonly bytes: number
  /** Buffers of the input that move to the thread. */
  readonly transfer?: readonly ArrayBufferLike[]
}

/** Runs tasks on large data in a thread of their own. */
export interface Offload {
  /**
   * @throws SpillwayError as the task does; `overloaded` where too much waits, `aborted` as soon as the caller leaves,
   * `deadline_exceeded` at the request's deadline or where the task took too long, `memory_exhausted` or `internal` where
   * the thread died.
   */
  run<N extends TaskName>(name: N, input: TaskInput<N>, job: Job): Promise<TaskResult<N>>
  /** Large bodies on their way, of which there may be as many bytes as of tasks. */
  readonly arriving: ArrivingBodies
  stats(): OffloadStats
  close(): void
}

export interface OffloadStats {
  /** Tasks that wait for the thread. */
  readonly waiting: number
  /** Tasks in the thread: one at most. */
  readonly running: number
  /** Bytes of both. */
  readonly bytes: number
}

export interface OffloadOptions {
  /** The built form of entry.ts. */
  readonly entry: URL
  readonly clock: Clock
  /** Milliseconds that a task may take. */
  readonly taskMs: number
  /**
   * Bytes of all tasks that wait or run. A single task may have more. Where they are taken, tasks of the caller that has most of
   * them leave for those of another.
   */
  readonly maxBytes: number
  /** The thread's heap. Default: as large as the server's. */
  readonly maxMegabytes?: number | undefined
}

interface WaitingTask {
  readonly rank: number
  readonly turn: Turn
  readonly message: TaskMessage
  readonly job: Job
  /** On the clock; infinite where the request has none. */
  readonly deadline: number
  resolve(value: unknown): void
  reject(error: Error): void
  /** Called when the caller leaves. */
  abort(): void
}

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
  const deadlines = new Deadlines<WaitingTask>(clock, (task) =>
    leave(task, pastDeadline(task.job.deadlineMs ?? 0, waiting.size)),
  )

  /** Its caller's signal and its deadline are watched no longer. */
  const release = (task: WaitingTask) => {
    task.job.signal?.removeEventListener('abort', task.abort)
    deadlines.delete(task)
  }

  const settle = (settleTask: (task: WaitingTask) => void) => {
    const task = running
    if (!task) return
    cancelTimer()
    running = undefined
    release(task)
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

  /** A task that waits is freed at once. The task at hand cannot be stopped: its result is dropped when it comes. */
  const leave = (task: WaitingTask, error: SpillwayError) => {
    release(task)
    task.reject(error)
    if (task === running) return
    waiting.keep((other) => other !== task)
    turns.giveBack(task.turn)
    bytes -= task.job.bytes
  }

  /** The waiting tasks that give their places to another caller's; nothing where there is no place for it. */
  const placeFor = ({ caller = '', weight = 1, bytes: more }: Job): WaitingTask[] | undefined => {
    let left = bytes
    return chooseDisplaced<WaitingTask>({
      waiting,
      callerOf: ({ turn }) => turn.caller,
      shareOf: ({ turn, job }) => job.bytes / turn.weight,
      asking: { caller, share: more / weight },
      leaves: ({ job }) => {
        left -= job.bytes
      },
      hasPlace: () => left === 0 || left + more <= maxBytes,
    })
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
    if (isClosed) {
      settle(() => task.reject(closed()))
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
    arriving: new ArrivingBodies(maxBytes),
    run: <N extends TaskName>(name: N, input: TaskInput<N>, job: Job) =>
      new Promise<TaskResult<N>>((resolve, reject) => {
        const { signal, askedAt = clock.now(), deadlineMs } = job
        const displaced = signal?.aborted ? undefined : placeFor(job)
        if (!displaced) {
          reject(signal?.aborted ? abortedBy(signal) : tooManyBytes(maxBytes, bytes))
          return
        }
        for (const task of displaced) leave(task, tooManyBytes(maxBytes, bytes))
        bytes += job.bytes
        const turn = turns.take(job.caller ?? '', job.bytes, job.weight)
        const task: WaitingTask = {
          rank: turn.start,
          turn,
          message: { name, input },
          job,
          deadline: askedAt + (deadlineMs ?? Number.POSITIVE_INFINITY),
          resolve: (value) => resolve(value as TaskResult<N>),
          reject,
          abort: () => signal && leave(task, abortedBy(signal)),
        }
        waiting.push(task)
        signal?.addEventListener('abort', task.abort, { once: true })
        if (deadlineMs !== undefined) deadlines.add(task)
        startNext()
      }),
    stats: () => ({ waiting: waiting.size, running: running ? 1 : 0, bytes }),
    close: () => {
      isClosed = true
      const ended = thread
      thread = undefined
      void ended?.terminate()
      settle((task) => task.reject(closed()))
      deadlines.clear()
    },
  }
}

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
