/** The elements' types for pages, asserted: as `public-api.test-d.ts`. */
import { assertType, expectTypeOf } from 'vitest'
import type { Classification, SearchResult, SpillwayIntrinsicElements } from '../../web/elements/index.ts'
import '../../web/elements/define.ts'
import type { ChatMessage } from '../../workers/host/text/types.ts'

declare const chat: HTMLElementTagNameMap['spillway-chat']
declare const classify: HTMLElementTagNameMap['spillway-classify']
declare const search: HTMLElementTagNameMap['spillway-search']
declare const status: HTMLElementTagNameMap['spillway-status']

expectTypeOf(search).toExtend<HTMLElement>()
search.addEventListener('results', ({ detail }) => assertType<readonly SearchResult[]>(detail))
search.addEventListener('select', ({ detail }) => assertType<SearchResult>(detail))
search.addEventListener('click', ({ clientX }) => assertType<number>(clientX))
chat.addEventListener('message', ({ detail }) => assertType<ChatMessage>(detail))
classify.addEventListener('result', ({ detail }) => assertType<Classification | null>(detail))
for (const element of [chat, classify, search, status])
  element.addEventListener('error', (event) => assertType<ErrorEvent>(event))
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
