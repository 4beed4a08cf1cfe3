/** The layout of the data folder that this version reads and writes. */
export const FORMAT = 1

/** The file that holds the {@link Identity}. */
export const IDENTITY_FILE = 'mooring.json'

/** What the folder is. `creating` until the first start has come through. */
export interface Identity {
  readonly format: number
  readonly storeId: string
  readonly state: 'creating' | 'ready'
}

export const textOf = (identity: Identity): string => `${JSON.stringify(identity)}\n`

export function parseIdentity(text: string): Identity | undefined {
  try {
    const { format, storeId, state }: Record<string, unknown> = Object(JSON.parse(text))
    if (!Number.isSafeInteger(format) || typeof storeId !== 'string') return undefined
    if (state !== 'creating' && state !== 'ready') return undefined
    return { format: Number(format), storeId, state }
  } catch {
    return undefined
  }
}
