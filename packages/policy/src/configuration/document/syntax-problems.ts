import type { Document, LineCounter, YAMLError } from 'yaml';
import { isAlias, visit } from 'yaml';
import type { PolicyProblem } from '../../errors.ts';

type SyntaxCode = YAMLError['code'];

const INDENTED =
  'The indentation does not fit: members of one mapping begin in one column, and so do the items of one list.';

/** What to do about each, where the parser's own words say it for programs alone. */
const ADVICE: Partial<Record<SyntaxCode, string>> = {
  TAB_AS_INDENT: 'This line is indented by a tab: use spaces.',
  BAD_INDENT: INDENTED,
  BLOCK_AS_IMPLICIT_KEY: INDENTED,
  MULTILINE_IMPLICIT_KEY: INDENTED,
  BLOCK_IN_FLOW: 'A value within { } or [ ] that holds a colon has to be in quotes.',
  DUPLICATE_KEY: 'This member stands here twice: remove one, or put both together.',
  MULTIPLE_DOCS: 'A second document begins here, and a file holds one: remove the --- line, or what follows.',
  BAD_DQ_ESCAPE:
    'In double quotes a backslash begins an escape: put it in single quotes, as regular expressions always.',
  RESOURCE_EXHAUSTION: 'This is nested too deeply.',
};

/** `- ` is what the parser misses where an item of a list is too far to the left or right. */
const MISSING_DASH = /^Sequence item without/;

/**
 * What is wrong with the syntax of a document. An error leaves the parser lost, so that those after it say nothing more:
 * only the first is told, and members that stand twice, which it takes in its stride.
 */
export function syntaxProblems(document: Document.Parsed, lines: LineCounter, file: string): PolicyProblem[] {
  const errors = [...document.errors, ...document.warnings];
  const lost = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  const told = lost === undefined ? errors : errors.slice(0, errors.indexOf(lost) + 1);
  const problems = told.map(({ code, message, pos }) =>
    problemAt(messageOf(code, message), pos[0], lines, file),
  );
  if (problems.length > 0) return problems;
  return unknownAliases(document).map(({ name, offset }) =>
    problemAt(
      `No anchor before this is called "${name}": write &${name} where the value first stands.`,
      offset,
      lines,
      file,
    ),
  );
}

/** The parser repeats what it did not expect, which may be a secret. */
function messageOf(code: SyntaxCode, message: string): string {
  if (MISSING_DASH.test(message)) return INDENTED;
  const own = message.replace(/(?<=token|stream): .*$/s, '');
  return ADVICE[code] ?? `${own.replace(/\.$/, '')}.`;
}

/** Aliases are looked up only when the value is made, and then without a place. */
function unknownAliases(document: Document.Parsed): { readonly name: string; readonly offset: number }[] {
  const anchors = new Set<string>();
  const unknown: { readonly name: string; readonly offset: number }[] = [];
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        if (!anchors.has(node.source)) unknown.push({ name: node.source, offset: node.range?.[0] ?? 0 });
      } else if (node.anchor !== undefined) anchors.add(node.anchor);
    },
  });
  return unknown;
}

function problemAt(message: string, offset: number, lines: LineCounter, file: string): PolicyProblem {
  const { line, col } = lines.linePos(offset);
  return { code: 'invalid-yaml', message, file, line: Math.max(1, line), column: Math.max(1, col), path: '' };
}
