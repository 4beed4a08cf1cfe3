import { createHash } from 'node:crypto'
import { extname } from 'node:path'
import type { Context } from 'koa'
import { Problem } from './problem.ts'

/** The built page, by the paths of its files below their folder: `index.html`, `assets/index-1a2b3c4d.js`. */
export interface PageFiles {
  /** None when the page was not built. */
  names(): readonly string[]
  read(name: string): Promise<Buffer>
}

/** First levels of the addresses that the page itself takes apart; whatever stands below, the answer is its one document. */
const VIEWS: ReadonlySet<string> = new Set([
  '',
  'setup',
  'login',
  'devices',
  'registration',
  'allow-list',
  'approvals',
  'journal',
  'security',
  'system',
])

const DOCUMENT = 'index.html'
const API_DOCUMENT = 'docs/index.html'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}

const POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
/** What swagger-ui needs beyond it: its icons are data. */
const API_POLICY = `${POLICY}; img-src 'self' data:`

/** Vite's names hold a hash of the content: such a file never changes. */
const HASHED = /^assets\/.+-[\w-]{8}\.\w+$/

/**
 * The operator's page. A name is looked up among those that there are, and never becomes a path: so there is nothing that
 * `..`, in whatever writing, could lead out of.
 */
export class Page {
  readonly #files: PageFiles
  readonly #tags = new Map<string, string>()
  #names: ReadonlySet<string> | undefined

  constructor(files: PageFiles) {
    this.#files = files
  }

  /** Whether there is something of the page at this path, built or not. */
  owns(path: string): boolean {
    return this.#fileAt(path) !== undefined
  }

  async answer(ctx: Context, path: string): Promise<void> {
    const name = this.#fileAt(path)
    if (name === undefined) throw new Problem('ERR_ROUTE_NOT_FOUND', 'There is nothing here.')
    ctx.set('Content-Security-Policy', name.startsWith('docs/') ? API_POLICY : POLICY)
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin')
    if (!this.#built.has(name)) return sayNotBuilt(ctx)
    const bytes = await this.#files.read(name)
    ctx.status = 200
    ctx.set('Cache-Control', HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache')
    ctx.set('Content-Type', TYPES[extname(name)] ?? 'application/octet-stream')
    ctx.set('ETag', this.#tagOf(name, bytes))
    if (ctx.fresh) ctx.status = 304
    else ctx.body = bytes
  }

  /** Which file is shown at a path; whether it was built is another question. */
  #fileAt(path: string): string | undefined {
    if (path === '/docs' || path === '/docs/') return API_DOCUMENT
    const name = path.slice(1)
    if (name !== DOCUMENT && name !== API_DOCUMENT && this.#built.has(name)) return name
    return VIEWS.has(name.split('/', 1)[0] ?? '') && !path.startsWith('//') ? DOCUMENT : undefined
  }

  get #built(): ReadonlySet<string> {
    return (this.#names ??= new Set(this.#files.names()))
  }

  #tagOf(name: string, bytes: Buffer): string {
    const known = this.#tags.get(name)
    if (known !== undefined) return known
    const tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    this.#tags.set(name, tag)
    return tag
  }
}

function sayNotBuilt(ctx: Context): void {
  ctx.status = 404
  ctx.type = 'text/plain'
  ctx.body = 'The page is not built. Run: npm run build\n'
}
