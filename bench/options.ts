import { parseArgs } from 'node:util'

export interface Options {
  /** Names of suites; all of them when empty. */
  readonly only: readonly string[]
  readonly repeats: number
  /** Where the figures go as JSON. */
  readonly json: string | undefined
  readonly writeDocs: boolean
  /** Figures of an earlier run, to write the docs from without measuring. */
  readonly from: string | undefined
  readonly help: boolean
}

const DEFAULT_REPEATS = 5

/** `connect` is what issue lists call the logins of returning devices; they are one suite. */
const OTHER_NAMES: Readonly<Record<string, string>> = { connect: 'logins' }

/** @throws {Error} that says what is wrong. */
export function readOptions(args: readonly string[], names: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true },
      repeats: { type: 'string' },
      json: { type: 'string' },
      'write-docs': { type: 'boolean' },
      from: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const asked = [...positionals, ...(values.only ?? [])]
    .flatMap((list) => list.split(','))
    .filter((name) => name !== '')
  const only = [...new Set(asked.map((name) => OTHER_NAMES[name] ?? name))]
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`There is no suite ${unknown}; there are ${names.join(', ')}.`)

  const repeats = Number(values.repeats ?? DEFAULT_REPEATS)
  if (!Number.isInteger(repeats) || repeats < 1) throw new Error('--repeats needs a whole number from 1.')
  if (values.from !== undefined && values['write-docs'] !== true) throw new Error('--from belongs to --write-docs.')
  return {
    only,
    repeats,
    json: values.json,
    writeDocs: values['write-docs'] ?? false,
    from: values.from,
    help: values.help ?? false,
  }
}

export const usage = (names: readonly string[]): string =>
  `npm run bench -- [SUITE…] [--only SUITE,…] [--repeats N] [--json FILE] [--write-docs [--from FILE]]

  SUITE         ${names.join(', ')} (also: connect, which is logins); all when none is named
  --repeats N   how often everything is measured, interleaved (default ${DEFAULT_REPEATS})
  --json FILE   write the figures there
  --write-docs  put the tables into docs/benchmarks.md
  --from FILE   measure nothing, take the figures that --json wrote
`
