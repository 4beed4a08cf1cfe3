import { Command } from 'commander'
import { addAdminCommands } from './admin-commands.ts'
import { addApiTokenCommands } from './api-token-commands.ts'
import { addAllowCommands } from './allow-commands.ts'
import { addApprovalCommands } from './approval-commands.ts'
import { addBackupCommands } from './backup-commands.ts'
import { addCertificateCommands } from './certificate-commands.ts'
import { addCompletionCommands } from './completion.ts'
import { addConfigCommands } from './config-commands.ts'
import { addDeviceCommands } from './device-commands.ts'
import { addDoctorCommand } from './doctor.ts'
import { addFileCommands } from './file-commands.ts'
import { examples } from './help.ts'
import { addExplainCommand } from './explain-command.ts'
import { addJournalCommands } from './journal-commands.ts'
import { addKeyCommands } from './key-commands.ts'
import { addOutputOptions } from './output-options.ts'
import { addRecipeCommands } from './recipe-commands.ts'
import { addServerCommands } from './server-commands.ts'
import type { Run } from './session.ts'
import { addSigningKeyCommands } from './signing-key-commands.ts'
import { addStoreCommands } from './store-commands.ts'
import { addTokenCommands } from './token-commands.ts'
import { addUpgradeCheck } from './upgrade-check.ts'

/** The tree of commands. Parsing ends in {@link Run}, or throws a CommanderError. */
export function buildProgram(parts: {
  version: string
  run: Run
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown }
}): Command {
  const { version, run, stdout, stderr } = parts
  const program = addOutputOptions(new Command('mooring'))
    .description('A self-hosted MQTT broker in which devices register themselves.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--data <dir>', 'the data folder (MOORING_DATA)')
    .option('--config <file>', 'the config file (MOORING_CONFIG; else mooring.yaml in the data folder, else here)')
    .option('--server <url>', 'ask a server elsewhere, over its admin API: https://broker.example:8443')
    .option('--api-token-file <file>', 'what is shown to it: a token of mooring apitoken create')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    // Whoever catches the CommanderError prints it, in the form that was asked for.
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText('after', examples('mooring demo', 'mooring serve --data /var/lib/mooring', 'mooring token create'))
  addServerCommands(program, run)
  addTokenCommands(program, run)
  addSigningKeyCommands(program, run)
  addKeyCommands(program, run)
  addDeviceCommands(program, run)
  addJournalCommands(program, run)
  addExplainCommand(program, run)
  addAllowCommands(program, run)
  addApprovalCommands(program, run)
  addRecipeCommands(program, run)
  addBackupCommands(program, run)
  addStoreCommands(program, run)
  addAdminCommands(program, run)
  addApiTokenCommands(program, run)
  addConfigCommands(program, run)
  addCertificateCommands(program, run)
  addDoctorCommand(program, run)
  addCompletionCommands(program, run)
  addUpgradeCheck(program, run)
  addFileCommands(program, run)
  return program
}
