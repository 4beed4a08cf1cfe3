import { MemoryLevel } from 'memory-level'

/** A database in memory that tells what is written and how often it is read, and lets a test hold or fail a write. */
export class WatchedLevel extends MemoryLevel {
  /** The keys of each commit, in order; those that are deleted with a `-` in front. */
  readonly commits: string[][] = []
  reads = 0
  /** Awaited before each commit reaches the database; a rejection fails it. */
  gate: (commit: number) => Promise<void> | undefined = () => undefined

  override batch(): never {
    const keys: string[] = []
    const batch = super.batch()
    const write = batch.write.bind(batch)
    const [put, del] = [batch.put.bind(batch), batch.del.bind(batch)]
    return Object.assign(batch, {
      put: (...args: Parameters<typeof put>) => {
        keys.push(String(args[0]))
        return put(...args)
      },
      del: (...args: Parameters<typeof del>) => {
        keys.push(`-${String(args[0])}`)
        return del(...args)
      },
      write: async (options: object) => {
        const number = this.commits.push(keys)
        try {
          await this.gate(number)
        } catch (error) {
          await batch.close()
          throw error
        }
        await write(options)
      },
    }) as never
  }

  override get(...args: never[]): never {
    this.reads++
    return (super.get as (...all: never[]) => never).apply(this, args)
  }

  override iterator(...args: never[]): never {
    this.reads++
    return (super.iterator as (...all: never[]) => never).apply(this, args)
  }
}

/** The rooms that a commit wrote to, without the number that every commit has. */
export const roomsOf = (commit: readonly string[]): string[] =>
  commit.filter((key) => !key.endsWith('commit')).map((key) => /^-?!([a-z-]+)!/.exec(key)?.[1] ?? key)
