import type { ChatMessage } from '../../../workers/host/text/types.ts'
import type { Model } from '../../api/model.ts'
import { find } from '../../view/find.ts'
import { countOf } from '../../view/words.ts'
import { makeScrollRegion } from './scroll-region.ts'
import { createSeamedText } from './seamed-text.ts'

/** New tokens of one answer, its thought included. */
const maxTokens = 512

export interface TalkWatcher {
  readonly said: (text: string) => void
  readonly failed: (cause: unknown) => void
}

/** A conversation with one model on this device; another model begins another one. */
export function showTalk({ said, failed }: TalkWatcher): { begin(model: () => Promise<Model>): void } {
  const log = find('#talk-log', HTMLElement)
  const form = find('#say', HTMLFormElement)
  const input = find('#message', HTMLTextAreaElement)
  const send = find('#send', HTMLButtonElement)
  const stop = find('#talk-stop', HTMLButtonElement)
  makeScrollRegion(log, 'Conversation')
  let open: (() => Promise<Model>) | undefined
  let messages: ChatMessage[] = []
  let abort: AbortController | undefined

  const show = (isRunning: boolean) => {
    send.disabled = isRunning
    stop.disabled = !isRunning
  }
  const answer = async (model: Promise<Model>, signal: AbortSignal) => {
    const view = addAnswer(log)
    const conversation = messages
    let written = ''
    try {
      // Nothing of the conversation leaves this device.
      const stream = (await model).generate(
        { messages: [...conversation], maxTokens, truncation: 'auto' },
        { signal, policy: 'device' },
      )
      for await (const { text, reasoning = '', placement } of stream) {
        written += text
        view.add(text, reasoning, placement.tier)
        log.scrollTop = log.scrollHeight
      }
      const { droppedMessages = 0 } = await stream.result
      if (droppedMessages > 0) {
        view.note(forgotten(droppedMessages))
        log.scrollTop = log.scrollHeight
      }
      said('The answer has ended')
    } catch (cause) {
      if (!signal.aborted) failed(cause)
    }
    // An answer that was stopped is what the model has said.
    conversation.push({ role: 'assistant', content: written })
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const content = input.value.trim()
    if (!open || abort || content === '') return
    const current = new AbortController()
    abort = current
    messages.push({ role: 'user', content })
    addQuestion(log, content)
    input.value = ''
    show(true)
    await answer(open(), current.signal)
    if (abort !== current) return
    abort = undefined
    show(false)
  })
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  stop.addEventListener('click', () => abort?.abort())
  return {
    begin: (model) => {
      abort?.abort()
      abort = undefined
      open = model
      messages = []
      log.replaceChildren()
      show(false)
    },
  }
}

const forgotten = (messages: number) =>
  `The conversation is longer than the model reads: it answered without the ${countOf(messages, 'oldest message')}.`

function addQuestion(log: HTMLElement, content: string): void {
  const question = document.createElement('p')
  question.className = 'question'
  question.textContent = content
  log.append(question)
  log.scrollTop = log.scrollHeight
}

function addAnswer(log: HTMLElement) {
  const text = document.createElement('p')
  text.className = 'reply'
  text.dataset.testid = 'reply'
  const thought = document.createElement('details')
  const summary = document.createElement('summary')
  summary.textContent = 'What it thought'
  const thoughts = document.createElement('p')
  thought.append(summary, thoughts)
  thought.hidden = true
  log.append(thought, text)
  const seamed = createSeamedText(text)
  return {
    note: (words: string) => {
      const note = document.createElement('p')
      note.className = 'dropped'
      note.dataset.testid = 'dropped'
      note.textContent = words
      text.after(note)
    },
    add: (piece: string, reasoning: string, tier: Parameters<typeof seamed.add>[1]) => {
      if (reasoning !== '') {
        thought.hidden = false
        thoughts.append(reasoning)
      }
      if (piece !== '') seamed.add(piece, tier)
    },
  }
}
