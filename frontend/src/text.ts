/** Texts of this page's language. The msgid is the English text; the page carries the others as JSON. */

const words: Record<string, string> = JSON.parse(document.getElementById("words")?.textContent || "{}");

/** The page's language: `en` or `ko`. */
export const language = document.documentElement.lang;

/** `t("{n} devices", {n: 3})`. The build finds these calls: the first argument is always a literal. */
export function t(msgid: string, values: Record<string, string | number> = {}): string {
  return (words[msgid] ?? msgid).replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** A number with the language's separators. */
export function count(value: number): string {
  return value.toLocaleString(language);
}
