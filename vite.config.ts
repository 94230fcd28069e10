import { availableParallelism } from 'node:os'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import type { BrowserProviderOption } from 'vitest/node'
import { crashGpu } from './test/support/crash-gpu.ts'
import { browserFlags, findBrowser, findWholeBrowser, hardwareFlags } from './test/support/find-browser.ts'
import { graphBytes } from './test/support/graph-bytes.ts'
import { makeQuantized } from './test/support/make-quantized.ts'
import { transformersRuntime } from './test/support/transformers-runtime.ts'
import { weightsModel } from './test/support/weights-model.ts'
import { apiPage } from './web/build/api-page.ts'
import { appManifest } from './web/build/app-manifest.ts'
import { compileHints } from './web/build/compile-hints.ts'
import { docsPages } from './web/build/docs-pages.ts'
import { hashedFiles } from './web/build/hashed-files.ts'
import { integrity } from './web/build/integrity.ts'
import { pageShell } from './web/build/page-shell.ts'
import { precompress } from './web/build/precompress.ts'
import { preloadInPages } from './web/build/preload-in-pages.ts'
import { siteFiles } from './web/build/site-files.ts'
import { sizeLimit } from './web/build/size-limit.ts'
import { elementModules, startModules, treeshake } from './web/build/tree-shaking.ts'

const path = (relative: string) => new URL(relative, import.meta.url).pathname

/** Serves the app from its sources, cross-origin isolated as in production; `npm start` beside it serves models and inference. */
function devServer() {
  if (process.env.VITEST) return {}
  const server = 'http://localhost:8080'
  return {
    headers: { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' },
    proxy: { '/v2': server, '/models': server },
  }
}

/** Tests of tools that take long or need the build; the unit tests leave them out. */
const slowTools = [
  'command-words',
  'run-limit',
  'describe-graphs',
  'pull',
  'onnx-fuzz',
  'quantize-published',
  'import/families',
  'import/stories',
].map((name) => `test/tools/${name}.test.ts`)

/** Scripts that pages of others load, under names that stay. */
const forGuests = new Set(['embed', 'elements'])
const embedBanner = '/* Load this file as a module: <script type="module" src="…/embed.js"></script> */'

/** Test files at once: of those whose pages want a core each, and of those that wait for servers for half of their time. */
const beside = Math.max(2, availableParallelism() - 1)
const alone = beside + 1

/**
 * Vitest runs one group after the other. Files inside Chromium, one at a time, have the unit tests beside them: a second
 * browser would make both several times slower, since WebGPU in software takes all cores.
 */
const groups = { chromium: 0, e2e: 1, node: 2 }

/** The tests of `npx vitest --project chromium` run on this machine's GPU where it is set. */
const onGpu = Boolean(process.env.SPILLWAY_TEST_GPU)

/** Looks for Chromium only when its project starts: other tests need no browser. */
const chromium: BrowserProviderOption = {
  ...playwright(),
  providerFactory: (project) =>
    playwright({
      launchOptions: onGpu
        ? { executablePath: findWholeBrowser(), args: hardwareFlags }
        : { executablePath: findBrowser(), args: browserFlags },
    }).providerFactory(project),
}

export default defineConfig({
  root: path('web/app'),
  // Relative to the script that refers to them: the embed script runs on pages of other origins.
  base: './',
  cacheDir: path('node_modules/.vite'),
  resolve: {
    // The runtime's glue stays a file of its own: its threads start from that file, which must not start a lane.
    conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'],
  },
  worker: { format: 'es', plugins: () => [hashedFiles()] },
  server: devServer(),
  optimizeDeps: {
    exclude: ['onnxruntime-web', 'transformers-runtime'],
    include: [
      '@noble/hashes/sha2.js',
      '@bufbuild/protobuf/wire',
      'comlink',
      'hash-wasm',
      'idb-keyval',
      'onnxruntime-common',
      'wasm-feature-detect',
      'zod/mini',
    ],
  },
  environments: {
    client: {
      build: {
        outDir: path('dist/site'),
        emptyOutDir: true,
        assetsInlineLimit: 0,
        // Scripts that every page shares run in workers as well, which have no document; the hints are no more than hints.
        modulePreload: {
          polyfill: false,
          // The list of what to preload would stand before its banner; it has loaded all that the elements import.
          resolveDependencies: (_url, dependencies, { hostId }) =>
            hostId === 'embed.js' ? [] : dependencies,
        },
        rolldownOptions: {
          treeshake,
          // The embed script exports the package's API.
          preserveEntrySignatures: 'exports-only',
          input: {
            index: path('web/app/index.html'),
            chat: path('web/app/chat.html'),
            search: path('web/app/search.html'),
            vision: path('web/app/vision.html'),
            lab: path('web/app/lab.html'),
            code: path('web/app/code.html'),
            embed: path('web/embed/embed-script.ts'),
            elements: path('web/embed/elements-script.ts'),
          },
          output: {
            // The line that browsers show where the script was loaded as a classic one.
            postBanner: ({ name }) => (name === 'embed' ? embedBanner : ''),
            entryFileNames: ({ name }) => (forGuests.has(name) ? '[name].js' : 'assets/[name]-[hash].js'),
            // One file of all that every page needs: several small ones compress worse.
            codeSplitting: {
              groups: [
                { name: 'errors', test: elementModules, priority: 1 },
                { name: 'runtime', test: startModules, minShareCount: 3 },
              ],
            },
          },
        },
      },
    },
    serviceWorker: {
      consumer: 'client',
      build: {
        outDir: path('dist/site'),
        emptyOutDir: false,
        assetsInlineLimit: 0,
        rolldownOptions: {
          treeshake,
          preserveEntrySignatures: 'exports-only',
          input: { 'embed-service-worker': path('web/embed/embed-script.ts') },
          // In one file: a service worker may not import a part later.
          output: { entryFileNames: '[name].js', codeSplitting: false },
        },
      },
    },
    // After the client: it names the files that the client has written.
    siteWorker: {
      consumer: 'client',
      build: {
        outDir: path('dist/site'),
        emptyOutDir: false,
        rolldownOptions: {
          input: { 'service-worker': path('web/app/offline/service-worker.ts') },
          output: { entryFileNames: '[name].js', codeSplitting: false },
        },
      },
    },
    server: {
      consumer: 'server',
      build: {
        ssr: true,
        outDir: path('dist/server'),
        emptyOutDir: true,
        target: 'node20',
        rolldownOptions: {
          input: {
            main: path('server/main.ts'),
            lane: path('workers/lane/node/entry.ts'),
            formats: path('workers/lane/node/formats-entry.ts'),
            offload: path('server/offload/entry.ts'),
            spillway: path('models/cli/main.ts'),
          },
        },
      },
    },
  },
  builder: {
    buildApp: async (builder) => {
      for (const name of ['client', 'serviceWorker', 'siteWorker', 'server']) {
        const environment = builder.environments[name]
        if (environment) await builder.build(environment)
      }
    },
  },
  plugins: [
    hashedFiles(),
    apiPage(),
    docsPages(),
    appManifest(),
    siteFiles(),
    pageShell(),
    preloadInPages(),
    compileHints(),
    sizeLimit(),
    integrity(),
    precompress(),
  ],
  test: {
    root: path('.'),
    // A promise that never settles must not block a run for ever.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // Made by a plugin of the build: Node cannot load it.
    server: { deps: { inline: [/\?hashed$/] } },
    // Vitest's default is one file at a time on two cores, and files wait for pages and servers for half of their time.
    maxWorkers: beside,
    projects: [
      {
        extends: true,
        root: path('.'),
        test: {
          name: 'unit',
          environment: 'node',
          include: ['test/{unit,tools}/**/*.test.ts'],
          exclude: slowTools,
          sequence: { groupOrder: groups.chromium },
          // These files leave nothing behind: they share a process, and the modules that it has loaded.
          isolate: false,
        },
      },
      {
        extends: true,
        root: path('.'),
        test: {
          name: 'node',
          environment: 'node',
          globalSetup: path('test/support/global-setup.ts'),
          include: ['test/{node,server}/**/*.test.ts', ...slowTools],
          maxWorkers: alone,
          sequence: { groupOrder: groups.node },
        },
      },
      {
        extends: true,
        root: path('.'),
        test: {
          name: 'e2e',
          environment: 'node',
          globalSetup: path('test/support/global-setup.ts'),
          include: ['test/e2e/**/*.test.ts'],
          sequence: { groupOrder: groups.e2e },
          // These files share a process, so that they share a browser and a server as well.
          isolate: false,
        },
      },
      {
        extends: true,
        root: path('.'),
        test: {
          name: 'engines',
          environment: 'node',
          globalSetup: path('test/support/global-setup.ts'),
          include: ['test/engines/*.test.ts'],
          sequence: { groupOrder: groups.e2e },
          // WebKitGTK, without a GPU, compiles ONNX Runtime for several seconds at each visit.
          testTimeout: 240_000,
          expect: { poll: { timeout: 90_000 } },
        },
      },
      {
        extends: true,
        root: path('.'),
        resolve: { alias: { 'transformers-runtime': transformersRuntime } },
        test: {
          name: 'chromium',
          globalSetup: path('test/support/global-setup.ts'),
          include: ['test/browser/**/*.test.ts'],
          sequence: { groupOrder: groups.chromium },
          browser: {
            enabled: true,
            headless: true,
            // One file crashes the GPU process, which all pages of the browser share.
            fileParallelism: false,
            screenshotFailures: false,
            commands: { crashGpu, graphBytes, makeQuantized, weightsModel },
            provider: chromium,
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
