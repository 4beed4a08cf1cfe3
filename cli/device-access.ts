import { Option, type Command } from 'commander'
import { FILTER_TYPES, type FilterType } from '../registry/index.ts'
import { usageError } from './failure.ts'
import { collect, examples } from './help.ts'
import { fields } from './output.ts'
import type { Run, Session } from './session.ts'

export const addAccessCommand = (device: Command, run: Run): Command =>
  device
    .command('access')
    .argument('<device>', 'its device ID or its manufacturer ID')
    .description('say what its access key reaches beside its own topics, and where it may log in from')
    .addOption(new Option('--filter-type <type>', 'which topics beyond the topic root').choices(FILTER_TYPES))
    .option('--publish <filter>', 'a topic filter of the list, for publishing; may be given more than once', collect)
    .option('--subscribe <filter>', 'a topic filter of the list, for subscribing; may be given more than once', collect)
    .option('--address <network>', 'where it may log in from, such as 10.0.0.0/8; may be given more than once', collect)
    .option('--any-address', 'it may log in from anywhere')
    .addHelpText(
      'after',
      '\nWhat is not said stays as it is. `none` is no topic, `all` every one, `whitelist` those of the list, `blacklist` all but\nthose, its own topics included. The topics of other devices stay out of reach. The connection of the device ends.\n' +
        examples(
          'mooring device access A1-0001 --filter-type whitelist --subscribe "plant/#"',
          'mooring device access A1-0001 --address 10.20.0.0/16 --address 2001:db8::/48',
        ),
    )
    .action((id: string, options: AccessOptions, command: Command) =>
      run(command, (session) => changeAccess(session, id, options)),
    )

interface AccessOptions {
  readonly filterType?: FilterType
  readonly publish?: readonly string[]
  readonly subscribe?: readonly string[]
  readonly address?: readonly string[]
  readonly anyAddress?: true
}

async function changeAccess(session: Session, id: string, options: AccessOptions): Promise<void> {
  const { filterType, publish, subscribe, address, anyAddress } = options
  if (address !== undefined && anyAddress) throw usageError('--address and --any-address exclude each other')
  const addresses = anyAddress ? [] : address
  const request = {
    ...(filterType === undefined ? {} : { filterType }),
    ...(publish === undefined ? {} : { pubTopics: [...publish] }),
    ...(subscribe === undefined ? {} : { subTopics: [...subscribe] }),
    ...(addresses === undefined ? {} : { addresses: [...addresses] }),
  }
  if (Object.keys(request).length === 0) throw usageError('say what is to change; what there is: mooring device get')
  const access = await session.withOperator((operator) => operator.restrictDevice({ device: id, ...request }))
  session.output.answer(access, () => fields(accessRows(access)))
}

export const accessRows = (access: {
  readonly accessKey: string
  readonly filterType: FilterType
  readonly pubTopics: readonly string[]
  readonly subTopics: readonly string[]
  readonly addresses: readonly string[]
  readonly previousSecretUntil?: string
}): (readonly [string, string])[] => [
  ['access key', access.accessKey],
  ['filter type', access.filterType],
  ...listed('publishes', access.pubTopics),
  ...listed('subscribes', access.subTopics),
  ...(access.addresses.length === 0 ? [['addresses', 'any'] as const] : listed('addresses', access.addresses)),
  ...(access.previousSecretUntil === undefined ? [] : [['old secret until', access.previousSecretUntil] as const]),
]

const listed = (name: string, values: readonly string[]): (readonly [string, string])[] =>
  values.map((value, index) => [index === 0 ? name : '', value] as const)
