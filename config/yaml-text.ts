import {
  Composer,
  Lexer,
  LineCounter,
  Parser,
  isNode,
  isScalar,
  visit,
  type CST,
  type Document,
  type ErrorCode,
  type Node,
} from 'yaml'

export interface YamlText {
  /** Empty when the text holds nothing, or when it is not YAML. */
  readonly documents: readonly Document[]
  /** `file:line:column` of a node; of the beginning of the file when there is none. */
  at(node: unknown): string
  /** One line each, with its place. Never quotes the text: a secret may stand anywhere in it. */
  readonly problems: readonly string[]
}

/** What went wrong in the words of someone who edits the file. The parser's own words may quote the text. */
const EXPLANATIONS: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (*) cannot have a tag or an anchor',
  BAD_ALIAS: 'there is no anchor with the name of this alias',
  BAD_DQ_ESCAPE: 'there is no such escape in double quotes; in single quotes a backslash is only a backslash',
  BAD_INDENT: 'this line is not indented like its neighbours',
  BAD_SCALAR_START: 'a value that begins with this character must be in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " on one line; put the value in quotes',
  DUPLICATE_KEY: 'this name was already used above',
  MISSING_CHAR: 'a closing quote, a bracket, a comma or the blank after a colon is missing',
  MULTILINE_IMPLICIT_KEY: 'a name cannot go over several lines; is a colon missing?',
  TAB_AS_INDENT: 'lines are indented with blanks, not with tabs',
  TAG_RESOLVE_FAILED: 'tags (!) mean nothing here',
  UNEXPECTED_TOKEN: 'something is left over here; a value that begins with [ or { must be in quotes',
}

export function parseYaml(file: string, text: string): YamlText {
  const lines = new LineCounter()
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const { documents, tooDeepAt } = documentsOf(text, lines)
  const problems = documents
    .flatMap((document) => [
      ...[...document.errors, ...document.warnings].map(({ code, pos: [offset] }) => ({ code, offset })),
      ...repeatedNames(document).map((offset) => ({ code: 'DUPLICATE_KEY' as const, offset })),
    ])
    .toSorted((one, other) => one.offset - other.offset)
    .map(({ code, offset }) => `${placeOf(offset)}: ${EXPLANATIONS[code] ?? `this is not valid YAML (${code})`}`)
  if (tooDeepAt !== undefined) problems.push(`${placeOf(tooDeepAt)}: expected at most ${MOST_LEVELS} levels`)
  return {
    documents: problems.length === 0 ? documents : [],
    at: (node) => placeOf((isNode(node) ? (node as Node).range?.[0] : undefined) ?? 0),
    problems,
  }
}

/** Where names stand that their mapping has already. The library looks, too, but compares each name with every other. */
function repeatedNames(document: Document): number[] {
  const repeated: number[] = []
  visit(document, {
    Map: (_key, { items }) => {
      const names = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (names.has(key.value)) repeated.push(key.range?.[0] ?? 0)
        names.add(key.value)
      }
    },
  })
  return repeated
}

/** More than any honest file has. What builds the documents recurses, and could take the whole process with it. */
const MOST_LEVELS = 200

class TooDeep extends Error {
  override readonly name = 'TooDeep'
}

/** As `parseAllDocuments` of the library, but nothing is built of a text that is too deep. */
function documentsOf(text: string, lines: LineCounter): { documents: readonly Document[]; tooDeepAt?: number } {
  const parser = new Parser(lines.addNewLine)
  try {
    return {
      documents: [...new Composer({ logLevel: 'silent', uniqueKeys: false }).compose(tokensOf(text, parser, lines))],
    }
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error
    return { documents: [], tooDeepAt: parser.offset }
  }
}

function* tokensOf(text: string, parser: Parser, lines: LineCounter): Generator<CST.Token, void> {
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme)
    if (parser.stack.length > MOST_LEVELS) throw new TooDeep()
  }
  yield* parser.end()
}
