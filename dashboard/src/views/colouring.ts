// The parts of a Rhai script that are worth a colour. It knows just enough of the language for that: what it does not know stays plain.

export type PartKind = "comment" | "string" | "number" | "word" | "";
export interface Part { kind: PartKind; text: string }

const WORDS = new Set([
  "let", "const", "fn", "private", "if", "else", "switch", "for", "in", "while", "loop", "do", "until", "break", "continue", "return", "throw", "try",
  "catch", "import", "export", "as", "global", "this", "true", "false",
]);
/// Comments, texts of three kinds, numbers, words; a text that is not closed goes on to the end.
const TOKENS = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|`[^`]*(?:`|$)|"(?:\\[\s\S]|[^"\\])*(?:"|$)|'(?:\\.|[^'\\\n])'|\b\d[\d_]*(?:\.\d+)?\b|[A-Za-z_]\w*/g;

function kindOf(token: string): PartKind {
  if (token.startsWith("//") || token.startsWith("/*")) return "comment";
  if (/^["'`]/.test(token)) return "string";
  if (/^\d/.test(token)) return "number";
  return WORDS.has(token) ? "word" : "";
}

/** The lines of a script in coloured parts; put together they are the script again. */
export function coloured(text: string): Part[][] {
  const lines: Part[][] = [[]];
  const add = (kind: PartKind, piece: string) => piece.split("\n").forEach((row, index) => {
    if (index > 0) lines.push([]);
    if (row !== "") lines.at(-1)?.push({ kind, text: row });
  });
  let at = 0;
  for (const found of text.matchAll(TOKENS)) {
    const kind = kindOf(found[0]);
    if (kind === "") continue;
    add("", text.slice(at, found.index));
    add(kind, found[0]);
    at = found.index + found[0].length;
  }
  add("", text.slice(at));
  return lines;
}
