import { signal } from '@preact/signals'
import { messageOf, onLoggedOut, Problem, send } from './api.ts'

export interface Me {
  readonly name: string
  readonly role: 'viewer' | 'operator' | 'admin'
}

export type SessionState =
  | { readonly kind: 'loading' | 'login' }
  | { readonly kind: 'setup'; readonly open: boolean }
  | { readonly kind: 'in'; readonly me: Me }
  | { readonly kind: 'failed'; readonly message: string }

export const session = signal<SessionState>({ kind: 'loading' })

onLoggedOut(() => {
  if (session.value.kind === 'in') session.value = { kind: 'login' }
})

/** Finds out who is here. */
export async function findSession(): Promise<void> {
  try {
    const { needed, open }: { needed?: boolean; open?: boolean } = Object(await send('GET', '/setup'))
    session.value = needed === true ? { kind: 'setup', open: open === true } : await whoIsIn()
  } catch (error) {
    session.value = { kind: 'failed', message: messageOf(error) }
  }
}

async function whoIsIn(): Promise<SessionState> {
  try {
    const me = meOf(await send('GET', '/me'))
    leaveSetup('/')
    return { kind: 'in', me }
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return { kind: 'login' }
    throw error
  }
}

export async function logIn(name: string, password: string): Promise<void> {
  const me = meOf(await send('POST', '/login', { name, password }))
  leaveSetup('/')
  session.value = { kind: 'in', me }
}

export async function setUp(code: string, name: string, password: string): Promise<void> {
  const me = meOf(await send('POST', '/setup', { code, name, password }))
  history.replaceState(null, '', '/registration?first=1')
  session.value = { kind: 'in', me }
}

export async function logOut(): Promise<void> {
  await send('POST', '/logout').catch(() => {})
  session.value = { kind: 'login' }
}

/** The link to the setup page may lie in a terminal for long. */
function leaveSetup(to: string): void {
  if (location.pathname === '/setup') history.replaceState(null, '', to)
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const meOf = (answer: unknown): Me => answer as Me

const RANK = { viewer: 0, operator: 1, admin: 2 } as const

/** Whether the one who is here may; the server decides, this only keeps from offering what it will refuse. */
export const may = (role: Me['role']): boolean =>
  session.value.kind === 'in' && RANK[session.value.me.role] >= RANK[role]
