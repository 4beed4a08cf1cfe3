import { randomUUID } from 'node:crypto'
import type { Credentials, Mooring } from './server.ts'

export interface RegistrationLoad {
  /** What devices were answered, by manufacturer ID. */
  readonly acknowledged: ReadonlyMap<string, Credentials>
  /** Resolves when so many have been. */
  reached(count: number): Promise<void>
  /** Resolves when the server is gone for all. Rejects when one was refused by a server that was there. */
  readonly ended: Promise<void>
}

/** Devices that register one after the other over `lines` connections, until the server answers no more. */
export function registrationLoad(server: Mooring, lines: number, token: string): RegistrationLoad {
  const url = server.url('http', '/api/register-device')
  const acknowledged = new Map<string, Credentials>()
  const waiting = new Set<() => void>()

  const registerAll = async (): Promise<void> => {
    for (;;) {
      const manufacturerId = randomUUID()
      const answer = await post(url, { token, manufacturerId })
      if (answer === undefined) return
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
      acknowledged.set(manufacturerId, JSON.parse(answer.text) as Credentials)
      for (const look of waiting) look()
    }
  }
  return {
    acknowledged,
    reached: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (acknowledged.size >= count) resolve()
        }
        waiting.add(look)
        look()
      }),
    ended: Promise.all(Array.from({ length: lines }, registerAll)).then(() => {}),
  }
}

/** @returns undefined when no whole answer came. */
async function post(url: string, body: object): Promise<{ status: number; text: string } | undefined> {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: response.status, text: await response.text() }
  } catch {
    return undefined
  }
}
