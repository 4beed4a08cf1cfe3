const MAX_LENGTH = 300

/**
 * Text from outside, fit for one line of a log: control, format and unassigned characters, lone surrogates and line
 * separators become `\u{…}`, so that it cannot forge a line or turn the direction of one; long text is cut.
 */
export function printable(text: string): string {
  const cut = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
