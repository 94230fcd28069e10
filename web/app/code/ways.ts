import aiSdk from '../../examples/ai-chat/src/chat.jsx?raw'
import curl from '../../examples/curl/requests.sh?raw'
import python from '../../examples/python/client.py?raw'
import react from '../../examples/react/src/app.jsx?raw'
import transformers from '../../examples/transformers/src/compare.js?raw'

/** Another way to the same models. */
export interface Way {
  /** As in the id of its tab, `tab-NAME`. */
  readonly name: string
  readonly about: string
  readonly source: string
}

/** Files of the examples, which tests run: what is shown works. */
export const ways: readonly Way[] = [
  {
    name: 'react',
    about: 'Hooks for texts, runs and statistics. They end with their component.',
    source: react,
  },
  {
    name: 'ai-sdk',
    about: 'useChat without a route on a server: the model writes on the device.',
    source: aiSdk,
  },
  {
    name: 'transformers',
    about: 'The pipeline by another import, in workers that share runs.',
    source: transformers,
  },
  {
    name: 'curl',
    about: 'The server answers the Open Inference Protocol and the OpenAI API.',
    source: curl,
  },
  {
    name: 'python',
    about: 'The same with Python’s own library. OpenAI’s client works as well.',
    source: python,
  },
]
