import type { SpillwayError } from '../../models/core/error.ts'

/** An element has failed. */
export interface SpillwayErrorEvent extends ErrorEvent {
  readonly error: SpillwayError
}

/** The events of every element. */
export interface SpillwayElementEvents extends HTMLElementEventMap {
  error: SpillwayErrorEvent
}

type Listener<Target, E> = (this: Target, event: E) => unknown

/** An HTML element whose listeners know the types of its own events. */
export interface ElementWithEvents<Events extends SpillwayElementEvents> extends HTMLElement {
  addEventListener<Type extends keyof Events>(
    type: Type,
    listener: Listener<this, Events[Type]>,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<Type extends keyof Events>(
    type: Type,
    listener: Listener<this, Events[Type]>,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void
}
