import { connect, type Socket } from 'node:net'
import { chat } from './scripted-server.ts'

/** Asks a server for the stream of a chat, by a socket of one's own. */
export function sendChat(port: number): Socket {
  const body = JSON.stringify({ ...chat, stream: true })
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}`
  const socket = connect(port, '127.0.0.1')
  socket.write(`${head}\r\ncontent-type: application/json\r\n\r\n${body}`)
  return socket
}
