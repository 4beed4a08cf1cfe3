import type { Command } from 'commander'
import { stringify } from 'csv-stringify/sync'
import { MAX_DEVICES_PER_PAGE, readDeviceRecords, type DeviceAnswer } from '../admin/index.ts'
import { FIXED_KEYS, MAX_IMPORTED_DEVICES } from '../registry/index.ts'
import { addSelectionOptions, selectionOf, type SelectionOptions } from './device-selection.ts'
import { examples } from './help.ts'
import { fileRefused, readRows, tagsText } from './import-file.ts'
import { fields } from './output.ts'
import type { Run, Session } from './session.ts'

const COLUMNS = ['manufacturerId', 'deviceId', 'name', 'tags'] as const

export function addImportCommands(device: Command, run: Run): void {
  device
    .command('import')
    .argument('<file>', 'CSV; its first row names the columns: manufacturerId, and perhaps others')
    .option('--recipe <name>', 'what they start with (default: as configured)')
    .option('--dry-run', 'only say whether all of it could be imported')
    .description('put in devices from a file, all of them or none')
    .addHelpText(
      'after',
      `\nThe other columns: name, tags (key=value;key=value), deviceId, accessKey, accessSecret. What is empty is made; secrets that\nare made are printed, once. At most ${MAX_IMPORTED_DEVICES} devices in a file.\n` +
        examples('mooring device import fleet.csv --dry-run', 'mooring device import fleet.csv -o csv > secrets.csv'),
    )
    .action((file: string, options: ImportOptions, command: Command) =>
      run(command, (session) => importDevices(session, file, options)),
    )

  addSelectionOptions(
    device.command('export').description('print devices as CSV that another server can import; it holds no secrets'),
  )
    .addHelpText('after', examples('mooring device export > fleet.csv'))
    .action((options: SelectionOptions, command: Command) => run(command, (session) => exportDevices(session, options)))
}

interface ImportOptions {
  readonly recipe?: string
  readonly dryRun?: true
}

async function importDevices(session: Session, file: string, { recipe, ...options }: ImportOptions): Promise<void> {
  const { output } = session
  const dryRun = options.dryRun === true
  const { problems, count, done } = await session.withOperator(async (operator) => {
    const begun = await operator.beginDeviceImport({ dryRun, ...(recipe === undefined ? {} : { recipe }) })
    let isCommitted = false
    try {
      const read = await readRows(session, file, readDeviceRecords, async (rows) => {
        const answer = await operator.addDeviceRows({ import: begun.import, rows: [...rows] })
        return answer.problems
      })
      if (read.problems.length > 0 || dryRun) return { ...read, done: undefined }
      const committed = await operator.commitDeviceImport({ import: begun.import })
      isCommitted = true
      return { ...read, done: committed }
    } finally {
      if (!isCommitted) await operator.abandonDeviceImport({ import: begun.import }).catch(() => {})
    }
  })
  if (problems.length > 0) throw fileRefused(output, file, problems)
  if (done === undefined) {
    const answer = { rows: count, applied: false }
    return output.answer(answer, () => fields([['rows', `${count}, and nothing is wrong with them`]]))
  }
  const secrets = output.rows<(typeof done.secrets)[number]>('secrets', ({ deviceId, accessKey, accessSecret }) =>
    [deviceId, accessKey, accessSecret].join('  '),
  )
  for (const secret of done.secrets) secrets.add(secret)
  secrets.end({ rows: count, imported: done.imported, applied: true })
  output.note(`${done.imported} devices imported.`)
  if (done.secrets.length > 0) {
    output.note('Above: device ID, access key, access secret of those without one. They are shown this once.')
  }
}

async function exportDevices(session: Session, options: SelectionOptions): Promise<void> {
  const { context, output } = session
  const filter = selectionOf(options)
  const rows = output.rows<ReturnType<typeof rowOf>>('devices', (row) =>
    stringify([COLUMNS.map((column) => row[column])]),
  )
  if (output.isForPeople) context.stdout.write(stringify([[...COLUMNS]]))
  try {
    await session.withOperator(async (operator) => {
      for (let after: string | undefined; ;) {
        const from = after === undefined ? {} : { after }
        const page = await operator.listDevices({ ...filter, limit: MAX_DEVICES_PER_PAGE, ...from })
        for (const one of page.devices) rows.add(rowOf(one))
        after = page.next
        if (after === undefined) return
      }
    })
  } finally {
    rows.end()
  }
}

const rowOf = ({ manufacturerId, id, name, tags }: DeviceAnswer) => ({
  manufacturerId,
  deviceId: id,
  name,
  tags: tagsText(tags.filter(({ key }) => !FIXED_KEYS.has(key))),
})
