import { Option, type Command } from 'commander'
import { OUTPUT_FORMATS, type OutputFormat } from './output.ts'

export function addOutputOptions(program: Command): Command {
  return program
    .addOption(
      new Option('-o, --output <format>', 'how to print: for people, or one JSON document, a line for each row, CSV')
        .choices(OUTPUT_FORMATS)
        .default('table'),
    )
    .addOption(
      new Option('--json', 'the same as -o json; errors as {"error":{code,message,hint}} on stderr').conflicts(
        'output',
      ),
    )
    .option('-q, --quiet', 'print answers and errors, and nothing beside them')
    .addOption(
      new Option(
        '-v, --verbose',
        'tell on stderr who was asked and how long it took; of a fault where it happened',
      ).conflicts('quiet'),
    )
    .option('--no-color', 'no colours on a terminal either (NO_COLOR)')
    .option('--no-input', 'ask nothing at the terminal: fail, and say which option answers it')
}

/**
 * What a command line asks for, before it is parsed: a program that wants JSON gets it also when its command line is
 * wrong.
 */
export function outputFormatOf(argv: readonly string[]): OutputFormat {
  const end = argv.indexOf('--')
  const words = end === -1 ? argv : argv.slice(0, end)
  if (words.includes('--json')) return 'json'
  const text = words.flatMap((word, index) => {
    if (word === '-o' || word === '--output') return words[index + 1] ?? ''
    return /^(?:-o=?|--output=)(.+)/.exec(word)?.[1] ?? []
  })
  return OUTPUT_FORMATS.find((format) => format === text.at(-1)) ?? 'table'
}
