import { CommanderError, type Command } from 'commander'
import type { ConfigOptions } from './config-options.ts'
import type { CliContext } from './context.ts'
import { ExitCode, reportFailure } from './failure.ts'
import { Output, type Tone } from './output.ts'
import { outputFormatOf } from './output-options.ts'
import { buildProgram } from './program.ts'
import { Session } from './session.ts'

/**
 * Carries out one command line.
 *
 * @param argv - the words after the name of the program.
 * @returns the exit code. Source: docs/cli.md, «Exit codes».
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const format = outputFormatOf(argv)
  const json = format === 'json' || format === 'jsonl'
  let asked = ''
  let exitCode: number = ExitCode.ok
  const { version, stdout, stderr } = context
  const program = await buildProgram({
    argv,
    version: `mooring ${version} (node ${process.versions.node})`,
    stdout,
    stderr,
    run: async (command, work) => {
      asked = wordsOf(command)
      const options = command.optsWithGlobals<ConfigOptions & Tone>()
      exitCode = (await work(new Session(context, new Output(context, format, options), options))) ?? ExitCode.ok
    },
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (isHelp(error)) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    const output = new Output(context, format, program.opts<Tone>())
    return reportFailure(error, asked === '' ? wordsAsked(program, argv) : asked, { output, json, stderr })
  }
}

/** Commander has printed what was asked for, or the help of a command that is not complete. */
const isHelp = (error: unknown): error is CommanderError =>
  error instanceof CommanderError &&
  ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code)

/** `device get`: a command without the name of the program. */
function wordsOf(command: Command): string {
  return command.parent === null ? '' : `${wordsOf(command.parent)} ${command.name()}`.trim()
}

/** The same for a command line that was refused: as many of its words as are commands. */
function wordsAsked(program: Command, argv: readonly string[]): string {
  let command = program
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word || candidate.aliases().includes(word))
    if (next !== undefined) command = next
  }
  return wordsOf(command)
}
