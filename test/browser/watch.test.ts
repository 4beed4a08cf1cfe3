import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { needsChromium, sharedBrowser } from './support/chromium.ts'
import { watched } from './support/visit.ts'

const browser = sharedBrowser()

/** A page with such a script, served with the policy of ours. */
async function serve(t: TestContext, script: string): Promise<string> {
  const server = createServer(({ url }, response) => {
    response.setHeader('content-security-policy', "default-src 'self'; connect-src 'self' http:; script-src 'self'")
    if (url === '/missing') response.statusCode = 404
    response.setHeader('content-type', url === '/script.js' ? 'text/javascript' : 'text/html')
    response.end(
      url === '/script.js' ? script : '<link rel="icon" href="/icon"><body><script src="/script.js"></script>',
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const DONE = 'location.hash = "done"'

const amiss = [
  {
    name: 'a request to another origin',
    script: `fetch('http://127.0.0.1:9/away').catch(() => { ${DONE} })`,
    says: /left the origin: GET http:\/\/127\.0\.0\.1:9\/away/,
  },
  {
    name: 'a script in the page itself',
    script: `document.body.innerHTML = '<img src="/icon" onload="1">'; ${DONE}`,
    says: /CSP violation: script-src/,
  },
  {
    name: 'an image from elsewhere',
    script: `new Image().src = 'https://127.0.0.1:9/x.png'; ${DONE}`,
    says: /CSP violation: img-src/,
  },
  { name: 'an exception', script: `${DONE}; throw new Error('oh no')`, says: /thrown: .*oh no/ },
  {
    name: 'a promise that nobody awaits',
    script: `${DONE}; Promise.reject(new Error('oh no'))`,
    says: /thrown: .*oh no/,
  },
  { name: 'an error in the console', script: `console.error('oh no'); ${DONE}`, says: /console: oh no/ },
  {
    name: 'an answer that is an error',
    script: `fetch('/missing').then(() => { ${DONE} })`,
    says: /GET \/missing 404/,
  },
]

for (const { name, script, says } of amiss) {
  test(`a visit notices ${name}`, { skip: needsChromium(), timeout: 300_000 }, async (t) => {
    const { page, complaints, close } = await watched(await browser(), await serve(t, script))
    t.after(close)
    await page.goto('/')
    // A report of a violation comes a turn after the violation.
    for (const until = Date.now() + 10_000; complaints().length === 0 && Date.now() < until;) {
      await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))')
    }
    assert.match(complaints().join('\n'), says)
  })
}

test(
  'a visit has nothing to say of a page that is in order, or of what was allowed',
  { skip: needsChromium(), timeout: 300_000 },
  async (t) => {
    const { page, allow, complaints, close } = await watched(
      await browser(),
      await serve(t, `fetch('/missing').then(() => { ${DONE} })`),
    )
    t.after(close)
    allow(/GET \/missing 404/)
    await page.goto('/')
    await page.waitForURL('/#done')
    assert.deepEqual(complaints(), [])
  },
)
