import { Option, type Command } from 'commander'
import type { SigningKeyAnswer } from '../admin/index.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../registry/index.ts'
import { parseSeconds } from './durations.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import type { Run, Session } from './session.ts'

export function addSigningKeyCommands(program: Command, run: Run): void {
  const key = program
    .command('signing-key')
    .alias('signing-keys')
    .description('what signs registration tokens: the shared secret, or keys of the server')

  key
    .command('list')
    .description('list the keys that sign and verify; "shared" is the secret of the configuration')
    .action((_options: unknown, command: Command) => run(command, listKeys))

  key
    .command('rotate')
    .addOption(
      new Option('--algorithm <name>', 'the public half of all but HS256 is at /.well-known/jwks.json')
        .choices(SIGNING_ALGORITHMS)
        .default('HS256'),
    )
    .option('--overlap <duration>', 'how long the key before still verifies (default: until it is retired)')
    .description('sign with a new key from now on; tokens of the one before still hold')
    .addHelpText('after', examples('mooring signing-key rotate --algorithm ES256 --overlap 90d'))
    .action((options: RotateOptions, command: Command) => run(command, (session) => rotateKey(session, options)))

  key
    .command('retire')
    .argument('<kid>', 'as signing-key list shows it')
    .option('--yes', 'really do it')
    .description('refuse every token that this key signed')
    .addHelpText('after', examples('mooring signing-key retire shared --yes'))
    .action((kid: string, options: { yes?: true }, command: Command) =>
      run(command, (session) => retireKey(session, kid, options.yes === true)),
    )
}

interface RotateOptions {
  readonly algorithm: SigningAlgorithm
  readonly overlap?: string
}

async function listKeys(session: Session): Promise<void> {
  const { output } = session
  const answer = await session.withOperator((operator) => operator.listSigningKeys())
  output.answer(answer, () => output.table(['KID', 'ALGORITHM', 'STATE', 'CREATED', 'RETIRES'], answer.keys.map(rowOf)))
}

const rowOf = ({ kid, algorithm, state, createdAt, retiresAt }: SigningKeyAnswer): string[] => [
  kid,
  algorithm,
  state,
  kid === 'shared' ? '-' : createdAt,
  retiresAt ?? '-',
]

async function rotateKey(session: Session, { algorithm, overlap }: RotateOptions): Promise<void> {
  const overlapSeconds = overlap === undefined ? undefined : parseSeconds('--overlap', overlap)
  const key = await session.withOperator((operator) =>
    operator.rotateSigningKey({ algorithm, ...(overlapSeconds === undefined ? {} : { overlapSeconds }) }),
  )
  session.output.answer(key, () => `${printable(key.kid)} (${key.algorithm}) signs from now on`)
}

async function retireKey(session: Session, kid: string, confirmed: boolean): Promise<void> {
  if (!confirmed) {
    throw usageError(
      `retiring ${JSON.stringify(kid)} cannot be undone: every token that it signed is refused from then on`,
      'Add --yes to do it.',
    )
  }
  const key = await session.withOperator((operator) => operator.retireSigningKey({ kid }))
  session.output.answer(key, () => `retired ${printable(key.kid)}`)
}
