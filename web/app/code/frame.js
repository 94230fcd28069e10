/**
 * Runs a visitor's program in the frame that `run-program.ts` makes, which is of no origin. It has no access to the page,
 * its storage or the network: all that it can do is print, and call the page's runtime over the port.
 */
addEventListener('message', start)

/** The page's first message has the port, which nobody else gets. */
function start({ source, data, ports: [port] }) {
  if (source !== parent || !port) return
  removeEventListener('message', start)

  const calls = new Map()
  let lastCall = 0
  const call = (method, model, args, onPiece) =>
    new Promise((resolve, reject) => {
      const id = ++lastCall
      port.postMessage({ call: id, method, model, args })
      calls.set(id, { resolve, reject, onPiece })
    })

  port.onmessage = ({ data: { call: id, result, piece, error } }) => {
    const waiting = calls.get(id)
    if (!waiting) return
    if (piece) return waiting.onPiece(piece)
    calls.delete(id)
    if (error) waiting.reject(Object.assign(new Error(error.message), error, { name: 'SpillwayError' }))
    else waiting.resolve(result)
  }

  /** The pieces of a text as they come, and the whole text as `result`. */
  function generate(model, args) {
    const pieces = []
    let wake = () => {}
    let isOver = false
    const result = call('generate', model, args, (piece) => {
      pieces.push(piece)
      wake()
    })
    const end = () => {
      isOver = true
      wake()
    }
    result.then(end, end)
    async function* read() {
      while (true) {
        const piece = pieces.shift()
        if (piece) yield piece
        else if (isOver) break
        else
          await new Promise((resolve) => {
            wake = resolve
          })
      }
      await result
    }
    return Object.assign(read(), { result })
  }

  globalThis.spillway = {
    model: async (source) => {
      const { model, manifest } = await call('model', undefined, [source])
      return {
        manifest,
        run: (...args) => call('run', model, args),
        embed: (...args) => call('embed', model, args),
        generate: (...args) => generate(model, args),
      }
    },
  }

  const print = (...values) => port.postMessage({ print: values.map(show).join(' ') })
  console.log = console.info = console.warn = console.error = print
  console.clear = () => port.postMessage({ clear: true })

  const fail = (reason, line) => {
    const code = typeof reason?.code === 'string' ? reason.code : undefined
    const failed = code !== undefined ? reason.message : show(reason)
    // What is missing at the end is missed in the line that the program does not have.
    port.postMessage({ failed, code, line: line && Math.min(line, data.source.split('\n').length) })
  }
  addEventListener('error', ({ error, message, lineno }) => fail(error ?? message, lineno || undefined))
  addEventListener('unhandledrejection', ({ reason }) => fail(reason))
  globalThis.programEnded = () => port.postMessage({ ended: true })

  // A script of its own: an error then names the line of the program.
  const script = document.createElement('script')
  script.type = 'module'
  script.src = URL.createObjectURL(
    new Blob([data.source, '\nglobalThis.programEnded()'], { type: 'text/javascript' }),
  )
  document.head.append(script)
}

function show(value) {
  if (typeof value === 'string') return value
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (ArrayBuffer.isView(value) && 'length' in value) {
    const shown = Array.from(value.subarray(0, 16), (number) => String(number)).join(', ')
    return `${value.constructor.name}(${value.length}) [${shown}${value.length > 16 ? ', …' : ''}]`
  }
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return JSON.stringify(value, (_key, inner) => (ArrayBuffer.isView(inner) ? show(inner) : inner), 2)
  } catch {
    return String(value)
  }
}
