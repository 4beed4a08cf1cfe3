import { EXIT_CODES, helpTextOf, leavesOf, pathOf, wholeTree } from './docs.ts'

/** Columns of a terminal, without those that man indents by. */
const WIDTH = 72

/** The page mooring(1), from the tree of commands. Source: man(7). */
export async function manualPage(version: string): Promise<string> {
  const program = await wholeTree()
  return [
    `.TH MOORING 1 "" "mooring ${roff(version)}" "Mooring"`,
    '.SH NAME',
    'mooring \\- a self\\-hosted MQTT broker in which devices register themselves',
    '.SH SYNOPSIS',
    '.B mooring\n[\\fIoptions\\fR] \\fIcommand\\fR',
    '.SH DESCRIPTION',
    'A command that needs the store asks the running server through admin.sock in the data folder, and opens the store',
    'itself when no server runs. Whoever may open that file is the operator. The service of the Debian package runs as the',
    'user mooring with its data in /var/lib/mooring; commands beside it run as the same user:',
    block('sudo -u mooring mooring --data /var/lib/mooring status'),
    block(helpTextOf(program, WIDTH)),
    '.SH COMMANDS',
    ...leavesOf(program).flatMap((command) => [`.SS ${roff(pathOf(command))}`, block(helpTextOf(command, WIDTH))]),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(([code, meaning]) => ['.TP', `${code}`, roff(meaning)]),
    '.SH ENVIRONMENT',
    'Every setting can be given as a variable; \\fBmooring config env\\fR lists them. \\fBMOORING_NATIVE_DIR\\fR names a folder',
    'for the native parts of the program, where none of the usual ones allows execution. \\fBUV_THREADPOOL_SIZE\\fR is how',
    'many threads write files and check secrets; the default is 4 more than there are processors.',
    '.SH SIGNALS',
    'SIGTERM and SIGINT stop the server; a second one ends it at once. SIGHUP reads the TLS certificate again.',
    '.SH FILES',
    ...['/etc/mooring/mooring.yaml', '/var/lib/mooring'].flatMap((path) => [
      '.TP',
      `.I ${path}`,
      'of the Debian package',
    ]),
    '',
  ].join('\n')
}

const block = (text: string): string => `.PP\n.nf\n${roff(text)}\n.fi`

/** Text that troff shows as it is. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
