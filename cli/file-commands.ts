import type { Command } from 'commander'
import { CliError, ExitCode } from './failure.ts'
import { examples } from './help.ts'
import type { Run, Session } from './session.ts'

export function addFileCommands(program: Command, run: Run): void {
  program
    .command('files')
    .argument('[name]', 'the one to print')
    .description('list the files that the program carries with it, or print one: dashboard, alerts, firmware, licences')
    .addHelpText('after', examples('mooring files', 'mooring files grafana.json > mooring-dashboard.json'))
    .action((name: string | undefined, _options: unknown, command: Command) =>
      run(command, (session) => showFiles(session, name)),
    )
}

async function showFiles({ context, output }: Session, name: string | undefined): Promise<void> {
  const { packagedFiles } = context
  const names = packagedFiles.names()
  if (name === undefined) return output.answer({ files: names }, () => names.join('\n'))
  if (!names.includes(name)) {
    throw new CliError(ExitCode.notFound, 'ERR_NOT_FOUND', `there is no file ${JSON.stringify(name)} in the program`, {
      hint: 'What there is: mooring files',
    })
  }
  const text = packagedFiles.read(name)
  output.answer({ name, text }, () => text)
}
