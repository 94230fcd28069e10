/** The elements' events, asserted; see `public-api.test-d.ts`. */
import { assertType } from 'vitest'
import type { SpillwayError } from '../../web/api/index.ts'
import type { ChatMessage, Classification, SpillwayErrorEvent } from '../../web/elements/index.ts'
import type { Same } from './same.ts'

declare const classify: HTMLElementTagNameMap['spillway-classify']
declare const chat: HTMLElementTagNameMap['spillway-chat']
declare const status: HTMLElementTagNameMap['spillway-status']

classify.addEventListener('result', function ({ detail }) {
  assertType<Same<typeof detail, Classification | null>>(true)
  assertType<string>(this.value)
})
chat.addEventListener('message', ({ detail }) => assertType<Same<typeof detail, ChatMessage>>(true))
const tell = ({ error }: SpillwayErrorEvent) => assertType<Same<typeof error, SpillwayError>>(true)
classify.addEventListener('error', tell, { once: true })
classify.removeEventListener('error', tell)
chat.addEventListener('error', tell)
status.addEventListener('error', tell)
chat.addEventListener('click', ({ clientX }) => assertType<Same<typeof clientX, number>>(true))
// As on every element.
classify.addEventListener('anything', (event) => assertType<Same<typeof event, Event>>(true))
// @ts-expect-error A message is no answer.
chat.addEventListener('message', ({ detail }: CustomEvent<Classification>) => detail.label)

const element: HTMLElement = classify
element.addEventListener('click', () => {})
