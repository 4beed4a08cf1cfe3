import Table from 'cli-table3'
import type { LoadedConfig } from './load.ts'
import { groups, settings, type Setting } from './settings.ts'

/** `mooring config show`: every setting, what it is, and who said so. Secrets are only said to be set. */
export function describeConfig(loaded: LoadedConfig, options: { json: boolean }): string {
  const rows = [...loaded.sources].map(([setting, { value, source, detail }]) => ({ setting, value, source, detail }))
  if (options.json) return `${JSON.stringify(rows, null, 2)}\n`
  return table(
    ['SETTING', 'VALUE', 'SOURCE'],
    rows.map(({ setting, value, source, detail }) => [setting, value || '(not set)', detail || source]),
  )
}

/** `mooring config env`: the variable of every setting. */
export function environmentReference(): string {
  return table(
    ['VARIABLE', 'DEFAULT', 'DESCRIPTION'],
    settings().map((setting) => [setting.variable, setting.default ?? '(not set)', plain(setting.description)]),
  )
}

/** `mooring config init`: a file in which every value is the default. */
export function exampleConfig(): string {
  const lines = [
    '# Configuration of Mooring. Every value here is the default; change what you need and remove the rest.',
    '# The command line and MOORING_… variables win over this file. Relative paths are relative to it.',
    'version: 1',
    '',
  ]
  const sections = groups()
  for (const setting of settings().filter(({ path }) => !path.includes('.'))) lines.push(...exampleLines(setting, ''))
  for (const { name, description } of sections) {
    lines.push('', `# ${plain(description)}`, `${name}:`)
    for (const setting of settings().filter(({ path }) => path.startsWith(`${name}.`))) {
      lines.push(...exampleLines(setting, '  '))
    }
  }
  return `${lines.join('\n')}\n`
}

function exampleLines({ path, description, default: value, example }: Setting, indent: string): string[] {
  const name = path.split('.').at(-1)
  const line = value === undefined ? `# ${name}: ${example ?? '…'}` : `${name}: ${value}`
  return [`${indent}# ${plain(description)}`, `${indent}${line}`]
}

const BEGIN = '<!-- settings: generated -->'
const END = '<!-- settings: end -->'

/** `docs/configuration.md` with its table of settings as the program knows it. */
export function configurationDocs(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new TypeError(`the page has no part between ${BEGIN} and ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${settingsTable()}\n${page.slice(end)}`
}

function settingsTable(): string {
  const rows = settings().map((setting) => [
    `\`${setting.path}\``,
    setting.default === undefined ? '' : `\`${setting.default}\``,
    setting.description,
    `\`${setting.variable}\``,
    setting.flag === undefined ? '' : `\`${setting.flag}\``,
  ])
  const header = ['Setting', 'Default', 'What it is', 'Variable', 'Flag']
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('')
}

/** Descriptions are Markdown; a terminal and a comment show them without marks. */
const plain = (description: string): string => description.replaceAll('`', '')

function table(head: string[], rows: string[][]): string {
  const borderless = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((part) => [part, '']),
  )
  const drawn = new Table({
    head,
    chars: { ...borderless, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  drawn.push(...rows)
  return `${drawn.toString().replaceAll(/ +$/gm, '')}\n`
}
