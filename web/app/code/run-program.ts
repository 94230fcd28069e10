import type { Runtime } from '../../api/create-runtime.ts'
import { answerCalls } from './answer-calls.ts'
import frameScript from './frame.js?raw'
import type { FrameMessage, ProgramEvents } from './messages.ts'

/**
 * A visitor's program is text that may come from anywhere, so it runs in a sandboxed frame, without
 * `allow-same-origin`: of no origin, it reaches neither the page nor what the browser keeps for it. The frame's policy
 * allows its own script by a nonce, and the program as a blob; with nothing else allowed, it loads and sends nothing.
 * `eval` is allowed nowhere. The frame's document is in the page, so it has to be served by nobody.
 */
const frameDocument = (nonce: string) => `<!doctype html>
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'nonce-${nonce}' blob:" />
<title>Program</title>
<script type="module" nonce="${nonce}">${frameScript}</script>`

/** Runs a program with the page's runtime. @returns Ends it, with its requests. */
export function runProgram(runtime: Runtime, source: string, events: ProgramEvents): () => void {
  const { port1: port, port2 } = new MessageChannel()
  const ending = new AbortController()
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', 'allow-scripts')
  frame.title = 'Program'
  frame.hidden = true
  frame.srcdoc = frameDocument(crypto.randomUUID())
  // Once: a program that navigates its frame gets no second port. The frame has no origin to name.
  frame.addEventListener('load', () => frame.contentWindow?.postMessage({ source }, '*', [port2]), {
    once: true,
  })

  const answer = answerCalls(runtime, (message) => port.postMessage(message), events.placed, ending.signal)
  // Only the frame has the other port: what comes here is the program's.
  port.onmessage = ({ data }: MessageEvent<FrameMessage>) => {
    if ('call' in data) void answer(data)
    else if ('print' in data) events.print(data.print)
    else if ('clear' in data) events.clear()
    else if ('failed' in data) events.failed(data)
    else events.ended()
  }
  document.body.append(frame)
  return () => {
    ending.abort()
    port.close()
    frame.remove()
  }
}
