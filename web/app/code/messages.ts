import type { Placement, WireError } from '../../../models/core/index.ts'

/** A call of the program's to the runtime, by a number that its answer bears. */
export interface FrameCall {
  readonly call: number
  readonly method: string
  /** The number of the model that an earlier call gave. */
  readonly model?: number
  readonly args: readonly unknown[]
}

export interface ProgramFailure {
  readonly failed: string
  readonly code?: string
  /** Of the program, from 1 on. */
  readonly line?: number
}

export type FrameMessage =
  | FrameCall
  | ProgramFailure
  | { readonly print: string }
  | { readonly clear: true }
  | { readonly ended: true }

export type PageMessage =
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly piece: unknown }
  | { readonly call: number; readonly error: WireError }

/** What a program does, for the page to show. */
export interface ProgramEvents {
  print(text: string): void
  clear(): void
  /** A request was answered there. */
  placed(placement: Placement): void
  failed(failure: ProgramFailure): void
  ended(): void
}
