import { signal } from '@preact/signals'
import { Problem, send } from './api.ts'

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

/** Finds out who is here. */
export async function findSession(): Promise<void> {
  try {
    const setup = (await send('GET', '/setup')) as { needed: boolean; open: boolean }
    session.value = setup.needed ? { kind: 'setup', open: setup.open } : await whoIsIn()
  } catch (error) {
    session.value = { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

async function whoIsIn(): Promise<SessionState> {
  try {
    return { kind: 'in', me: (await send('GET', '/me')) as Me }
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return { kind: 'login' }
    throw error
  }
}

export async function logIn(name: string, password: string): Promise<void> {
  session.value = { kind: 'in', me: (await send('POST', '/login', { name, password })) as Me }
}

export async function setUp(code: string, name: string, password: string): Promise<void> {
  session.value = { kind: 'in', me: (await send('POST', '/setup', { code, name, password })) as Me }
}

export async function logOut(): Promise<void> {
  await send('POST', '/logout').catch(() => {})
  session.value = { kind: 'login' }
}

const RANK = { viewer: 0, operator: 1, admin: 2 } as const

/** Whether the one who is here may; the server decides, this only keeps from offering what it will refuse. */
export const may = (role: Me['role']): boolean =>
  session.value.kind === 'in' && RANK[session.value.me.role] >= RANK[role]
