/** The elements' types for pages, asserted; see `public-api.test-d.ts`. */
import { assertType } from 'vitest'
import type { SpillwayError } from '../../web/api/index.ts'
import type {
  ChatMessage,
  Classification,
  SearchResult,
  SpillwayErrorEvent,
  SpillwayIntrinsicElements,
} from '../../web/elements/index.ts'
import type { Same } from './same.ts'

declare const classify: HTMLElementTagNameMap['spillway-classify']
declare const chat: HTMLElementTagNameMap['spillway-chat']
declare const search: HTMLElementTagNameMap['spillway-search']
declare const status: HTMLElementTagNameMap['spillway-status']

classify.addEventListener('result', function ({ detail }) {
  assertType<Same<typeof detail, Classification | null>>(true)
  assertType<string>(this.value)
})
chat.addEventListener('message', ({ detail }) => assertType<Same<typeof detail, ChatMessage>>(true))
search.addEventListener('results', ({ detail }) =>
  assertType<Same<typeof detail, readonly SearchResult[]>>(true),
)
search.addEventListener('select', ({ detail }) => assertType<Same<typeof detail, SearchResult>>(true))
const tell = ({ error }: SpillwayErrorEvent) => assertType<Same<typeof error, SpillwayError>>(true)
classify.addEventListener('error', tell, { once: true })
classify.removeEventListener('error', tell)
chat.addEventListener('error', tell)
search.addEventListener('error', tell)
status.addEventListener('error', tell)
chat.addEventListener('click', ({ clientX }) => assertType<Same<typeof clientX, number>>(true))
// As on every element.
classify.addEventListener('anything', (event) => assertType<Same<typeof event, Event>>(true))
// @ts-expect-error A message is no answer.
chat.addEventListener('message', ({ detail }: CustomEvent<Classification>) => detail.label)

const element: HTMLElement = classify
element.addEventListener('click', () => {})

search.texts = ['a fox', 'a wood']
search.texts = null
// @ts-expect-error They are an array.
search.texts = 'a fox'
// @ts-expect-error The results are the element's to say.
search.results = []
assertType<SpillwayIntrinsicElements['spillway-search']>({
  src: '/book.txt',
  'max-texts': 100,
  selectable: true,
})
