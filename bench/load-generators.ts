import { join } from 'node:path'
import { runCommand } from './command.ts'
import { repository } from './places.ts'
import type { CoreUse } from './starvation.ts'

/** The line of JSON that a load generator ends with. bench/load/README.md says what every figure means. */
export class LoadResult {
  readonly #figures: Record<string, unknown>

  constructor(json: string) {
    this.#figures = Object(JSON.parse(json))
  }

  /** @throws {Error} when there is none: a figure that was renamed must not become a NaN. */
  number(name: string): number {
    let value: unknown = this.#figures
    for (const part of name.split('.')) value = Object(value)[part]
    if (typeof value === 'number') return value
    throw new Error(`the load generator told no ${name}`)
  }

  get coreUse(): CoreUse {
    return { wall: this.number('seconds'), broker: this.number('broker_cpu_s'), idle: this.number('core_idle_s') }
  }
}

export type LoadArgs = Readonly<Record<string, string | number | true>>

export const mqttload = join(repository, 'bench/load/mqttload')
const regload = join(repository, 'bench/load/regload')

/** `{ port: 1 }` → `--port 1`. */
export const flagsOf = (args: LoadArgs): string[] =>
  Object.entries(args).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))

export async function runMqttload(mode: string, core: number, args: LoadArgs): Promise<LoadResult> {
  const flags = [mode, '--json', '--quiet', ...flagsOf(args)]
  return new LoadResult(await runCommand(mqttload, flags, { cores: [core] }))
}

export async function runRegload(args: LoadArgs): Promise<LoadResult> {
  return new LoadResult(await runCommand(regload, flagsOf(args)))
}
