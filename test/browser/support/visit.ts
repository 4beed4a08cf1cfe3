import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Browser, BrowserContext, Page, Request } from 'playwright-core'

export interface VisitOptions {
  /** Of a session that is there already; without it the page asks to log in. */
  readonly cookie?: string
  readonly width?: number
  readonly theme?: 'light' | 'dark'
}

/** One person's browser window. */
export interface Visit {
  readonly page: Page
  /** Complaints that are meant to come: a wrong password is answered 401. */
  readonly allow: (...expected: readonly RegExp[]) => void
  /** What was amiss and not expected. */
  readonly complaints: () => readonly string[]
}

const HEIGHT = 900

/** What was under way when the page went elsewhere, or when the server ended: servers end before visits do. */
const NOT_THE_PAGES_FAULT: ReadonlySet<string> = new Set(
  ['ABORTED', 'INCOMPLETE_CHUNKED_ENCODING', 'CONNECTION_RESET', 'CONNECTION_REFUSED', 'EMPTY_RESPONSE'].map(
    (name) => `net::ERR_${name}`,
  ),
)

/** Says of each violation in the console what it was; Chromium's own words name no directive in all cases. */
const TELL_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) => {
  console.error('CSP violation: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample)
})`

/**
 * Opens a window that nothing is kept in. The test fails when the page asks anybody but its own origin, breaks its content
 * security policy, throws, writes an error to the console, or is answered with one that was not allowed.
 */
export async function visit(t: TestContext, browser: Browser, origin: string, options?: VisitOptions): Promise<Visit> {
  const visited = await watched(browser, origin, options)
  t.after(async () => {
    const found = visited.complaints()
    // Also told when the test has failed for another reason, which this may explain.
    for (const complaint of found) t.diagnostic(complaint)
    await visited.close()
    assert.deepEqual(found, [])
  })
  return visited
}

/** The same for whoever looks at the complaints himself. */
export async function watched(
  browser: Browser,
  origin: string,
  { cookie, width = 1280, theme = 'light' }: VisitOptions = {},
): Promise<Visit & { readonly close: () => Promise<void> }> {
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width, height: HEIGHT },
    colorScheme: theme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  context.setDefaultTimeout(30_000)
  await context.addInitScript({ content: TELL_VIOLATIONS })
  if (cookie !== undefined) {
    const [name = '', value = ''] = cookie.split('=')
    await context.addCookies([{ name, value, url: origin, httpOnly: true, sameSite: 'Strict' }])
  }
  const expected: RegExp[] = []
  const noticed = notice(context, origin)
  const complaints = (): string[] => noticed.filter((text) => !expected.some((pattern) => pattern.test(text)))
  const page = await context.newPage()
  return {
    page,
    allow: (...patterns) => void expected.push(...patterns),
    complaints,
    close: () => context.close(),
  }
}

function notice(context: BrowserContext, origin: string): readonly string[] {
  const noticed: string[] = []
  const nameOf = (request: Request): string => `${request.method()} ${request.url().replace(origin, '')}`
  context.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(`${origin}/`) && !url.startsWith('about:')) noticed.push(`left the origin: ${nameOf(request)}`)
  })
  context.on('response', (response) => {
    if (response.status() >= 400) noticed.push(`${nameOf(response.request())} ${response.status()}`)
  })
  context.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? ''
    if (!NOT_THE_PAGES_FAULT.has(why)) noticed.push(`${nameOf(request)} ${why}`)
  })
  context.on('weberror', (error) => noticed.push(`thrown: ${error.error().stack ?? error.error().message}`))
  context.on('console', (message) => {
    // Chromium says once more what was noticed as a response or a failed request.
    if (message.type() !== 'error' || message.text().startsWith('Failed to load resource')) return
    noticed.push(`console: ${message.text()}`)
  })
  return noticed
}
