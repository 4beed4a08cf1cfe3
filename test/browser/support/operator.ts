import type { Mooring } from '../../support/server.ts'

export const PASSWORD = 'a sentence that is long enough'

/** Someone with an account, without a browser: prepares what a page then shows, and looks whether it is true. */
export interface Operator {
  /** As `visit` takes it. */
  readonly cookie: string
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Readonly<Record<string, unknown>>>
}

export interface SetupLine {
  readonly code: string
  readonly urls: readonly string[]
}

/** What a server without accounts says when it starts. */
export const setupOf = async ({ process }: Mooring): Promise<SetupLine> =>
  JSON.parse(await process.line(/"event":"admin-setup"/)) as SetupLine

/** Makes the first account, as the page would. */
export async function firstOperator(server: Mooring, name = 'ada'): Promise<Operator> {
  const { code } = await setupOf(server)
  return operatorOf(server, await begin(server, '/setup', { code, name, password: PASSWORD }))
}

/** Makes another account, and logs in as that. */
export async function anOperator(
  server: Mooring,
  { by, name, role }: { by: Operator; name: string; role: 'viewer' | 'operator' | 'admin' },
): Promise<Operator> {
  await by.ask('POST', '/accounts', { name, role, password: PASSWORD })
  return logIn(server, name)
}

export const logIn = async (server: Mooring, name: string): Promise<Operator> =>
  operatorOf(server, await begin(server, '/login', { name, password: PASSWORD }))

async function begin(server: Mooring, path: string, body: unknown): Promise<string> {
  const response = await fetch(server.url('http', `/admin/v1${path}`), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
  if (cookie === undefined) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return cookie
}

function operatorOf(server: Mooring, cookie: string): Operator {
  return {
    cookie,
    async ask(method, path, body) {
      const response = await fetch(server.url('http', `/admin/v1${path}`), {
        method,
        headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`)
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    },
  }
}
