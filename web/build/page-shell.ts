import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const folder = fileURLToPath(new URL('../app/', import.meta.url))

/** The pages of the site in the order of their links; each is `web/app/{name}.html`, but the guides, which the build makes. */
const pages = [
  { name: 'index', link: 'Payments', href: './' },
  { name: 'chat', link: 'Chat', href: './chat.html' },
  { name: 'search', link: 'Search', href: './search.html' },
  { name: 'vision', link: 'Vision', href: './vision.html' },
  { name: 'lab', link: 'Lab', href: './lab.html' },
  { name: 'code', link: 'Code', href: './code.html' },
  { name: 'docs', link: 'Docs', href: './docs/' },
] as const

const font = 'node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'

/** @param base From the page to the folder of the app. */
const head = (base: string) => `
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="theme-color" content="#f6f8f9" media="(prefers-color-scheme: light)" />
    <meta name="theme-color" content="#0a0f12" media="(prefers-color-scheme: dark)" />
    <link rel="icon" href="${base}favicon.svg" type="image/svg+xml" />
    <link rel="apple-touch-icon" href="${base}icon-192.png" />
    <link rel="manifest" vite-ignore href="${base}manifest.webmanifest" />
    <link rel="preload" as="font" type="font/woff2" crossorigin href="${base}../../${font}" />
    <link rel="stylesheet" href="${base}styles/index.css" />`

const header = (current: string, base: string) => `
    <header class="top">
      <img src="${base}favicon.svg" alt="" width="36" height="36" />
      <h1>Spillway</h1>
      <p>Models that run in your browser, and spill to your server when the device cannot.</p>
      <nav class="pages" aria-label="Pages">
        ${pages.map(({ name, link, href }) => `<a href="${href.replace('./', base)}"${name === current ? ' aria-current="page"' : ''}>${link}</a>`).join('\n        ')}
      </nav>
    </header>`

/** What several pages have alike, where they say `<!-- name -->`. */
const parts = {
  /** The spillway as a strip. The first page has it as a picture of its own. */
  strip: `<aside id="spillway" class="spillway strip" data-testid="spillway" aria-label="Requests of this page">
        <canvas aria-hidden="true"></canvas>
        <dl>
          <div><dt>Waiting</dt><dd data-part="waiting">0</dd></div>
          <div><dt><i class="mark" data-tier="device"></i>This device</dt><dd data-part="device">0</dd></div>
          <div><dt><i class="mark" data-tier="server"></i>Server</dt><dd data-part="server">0</dd></div>
        </dl>
      </aside>`,
  /** Of the panel that says where a request ran: the picture of both places. */
  tiers: `<div class="tiers" aria-hidden="true">
        <span class="tier tier-device">
          <svg aria-hidden="true" viewBox="0 0 24 24"><rect x="4" y="5" width="16" height="11" rx="1.5" /><path d="M2 19.5h20" /></svg>
          Device
        </span>
        <span class="wire"></span>
        <span class="tier tier-server">
          <svg aria-hidden="true" viewBox="0 0 24 24"><rect x="4" y="4" width="16" height="7" rx="1.5" /><rect x="4" y="13" width="16" height="7" rx="1.5" /><path d="M8 7.5h.01M8 16.5h.01" /></svg>
          Server
        </span>
      </div>`,
  error: `<div id="error" class="error" data-testid="error" role="alert" hidden>
        <p><span data-part="message"></span> <code data-part="code"></code></p>
        <details>
          <summary>For developers</summary>
          <p data-part="detail"></p>
        </details>
        <button data-testid="retry" type="button">Try again</button>
      </div>`,
  /** The hub's models for a task, and what one takes before it is downloaded. */
  hub: `<ul id="hub-models" class="hub-models" aria-label="Models of the hub"></ul>
        <div id="hub-facts" class="panel hub-facts" data-testid="hub-facts" role="status" hidden>
          <p data-part="facts"></p>
          <button id="hub-get" class="main-button" data-testid="hub-get" type="button" hidden></button>
        </div>`,
  'hub-progress': `<div id="hub-progress" class="progress" data-testid="hub-progress" data-state="starting">
            <h3 id="hub-title">Model</h3>
            <p data-part="text"></p>
            <progress aria-labelledby="hub-title"></progress>
          </div>`,
  'hub-error': `<div id="hub-error" class="error" data-testid="hub-error" role="alert" hidden>
          <p><span data-part="message"></span> <code data-part="code"></code></p>
          <details>
            <summary>For developers</summary>
            <p data-part="detail"></p>
          </details>
          <button type="button">Try again</button>
        </div>`,
  policies: `<fieldset class="policy-switch">
        <legend>Where it may run</legend>
        <div id="policies" class="policies"></div>
      </fieldset>`,
  capacity: `<details id="capacity" class="capacity" data-testid="capacity">
        <summary><span class="capacity-name">This device</span> <span data-part="brief">checking</span></summary>
        <dl></dl>
      </details>`,
}

/**
 * Writes what the pages of the site share: the start of each `<head>`, the header with the links to all pages, and the
 * parts that a page asks for by a comment. A page has its title, its description, its script and its `<main>`.
 */
export const pageShell = (): Plugin => ({
  name: 'spillway:page-shell',
  transformIndexHtml: {
    order: 'pre',
    handler(html, { filename }) {
      const isGuide = filename.startsWith(`${folder}docs/`)
      const page = pages.find(({ name }) =>
        isGuide ? name === 'docs' : filename === `${folder}${name}.html`,
      )
      if (!page) return html
      const base = isGuide ? '../' : './'
      const shell = html
        .replace('<head>', `<head>${head(base)}`)
        .replace('<body>', `<body>${header(page.name, base)}`)
      return Object.entries(parts).reduce(
        (text, [name, part]) => text.replace(`<!-- ${name} -->`, part),
        shell,
      )
    },
  },
})
