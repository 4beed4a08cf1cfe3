import type { StoreLevel } from '../../storage/index.ts'
import type { Journal } from './journal.ts'
import { readText, rooms } from './layout.ts'

export interface ContractWill {
  topic: string
  payload: Buffer
  brokerId?: string
  clientId?: string
}

/** Wills as Aedes' contract has them, one for each client. Our connections keep theirs in wills.ts. */
export class ContractWills {
  readonly #journal: Journal
  readonly #byClient = new Map<string, ContractWill>()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  get(clientId: string): ContractWill | undefined {
    return this.#byClient.get(clientId)
  }

  values(): Iterable<ContractWill> {
    return this.#byClient.values()
  }

  put(clientId: string, will: ContractWill): Promise<void> {
    this.#byClient.set(clientId, will)
    const record = { ...will, payload: will.payload.toString('base64') }
    this.#journal.put(rooms.contractWills.ofText(clientId), Buffer.from(JSON.stringify(record)))
    return this.#journal.commit
  }

  async delete(clientId: string): Promise<ContractWill | undefined> {
    const will = this.#byClient.get(clientId)
    if (will === undefined) return undefined
    this.#byClient.delete(clientId)
    this.#journal.del(rooms.contractWills.ofText(clientId))
    await this.#journal.commit
    return will
  }

  async load(level: StoreLevel): Promise<void> {
    await readText(level, rooms.contractWills, (clientId, value) => {
      const will: Omit<ContractWill, 'payload'> & { payload: string } = JSON.parse(value)
      this.#byClient.set(clientId, { ...will, payload: Buffer.from(will.payload, 'base64') })
    })
  }
}
