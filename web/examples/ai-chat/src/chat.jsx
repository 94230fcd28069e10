import { useChat } from '@ai-sdk/react'
import { DirectChatTransport, ToolLoopAgent } from 'ai'
import { useState } from 'react'
import { createSpillway } from 'spillway/ai'

// No server takes part in the chat: the files of the model come from any host that serves files.
const models = new URL('models/', import.meta.env.VITE_SPILLWAY_SERVER ?? 'http://localhost:8080/')
const spillway = createSpillway({ server: null, models })

const agent = new ToolLoopAgent({ model: spillway('bard'), maxOutputTokens: 60 })
const transport = new DirectChatTransport({ agent })

export function Chat() {
  const { messages, sendMessage, status, stop, error } = useChat({ transport })
  const [text, setText] = useState('To be, or not to be')
  const isWriting = status === 'submitted' || status === 'streaming'

  function send(event) {
    event.preventDefault()
    sendMessage({ text })
    setText('')
  }

  return (
    <main>
      <ol>
        {messages.map(({ id, role, parts }) => (
          <li key={id} data-role={role}>
            {parts.map((part) => (part.type === 'text' ? part.text : ''))}
          </li>
        ))}
      </ol>
      <form onSubmit={send}>
        <label>
          Message <input value={text} onChange={({ target }) => setText(target.value)} />
        </label>
        <button type="submit" disabled={isWriting}>
          Send
        </button>
        <button type="button" disabled={!isWriting} onClick={stop}>
          Stop
        </button>
      </form>
      {error && <p role="alert">{error.message}</p>}
    </main>
  )
}
