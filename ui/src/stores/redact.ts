/** What stands in the place of what was taken out. */
const ADDRESS = '<address>';
const SECRET = '<secret>';

/** In this order: what holds another goes first. */
const PATTERNS: readonly [RegExp, string][] = [
  [/[a-z][a-z0-9+.-]*:\/\/[^\s"'<>)\]}]+/gi, ADDRESS],
  [/\b(?:voicehall:)?\/?(?:join|invites)\/[\w-]+/gi, SECRET],
  [
    /\b(bearer|token|ticket|password|code|secret|authorization)(["']?\s*[:=]?\s*["']?)[\w.+/-]+/gi,
    `$1$2${SECRET}`,
  ],
  // IPv6, whole or with the zeros left out; a time of day has neither.
  [
    /(?<![\w:])\[?(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[0-9a-f:]*::[0-9a-f:]*)(?:%\w+)?(?:\]:\d{1,5}|\])?(?![\w:])/gi,
    ADDRESS,
  ],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g, ADDRESS],
  [
    /\b(?:[a-z0-9-]+\.)+(?!(?:json|toml|rs|ts|js|log|broken|service)\b)[a-z]{2,}(?::\d{1,5})?\b/gi,
    ADDRESS,
  ],
  [/\blocalhost(?::\d{1,5})?\b/gi, ADDRESS],
  // Long, of letters and digits in one run, as no word of a language is.
  [/(?<![\w-])(?=[\w+-]*\d)(?=[\w+-]*[a-z])[\w+-]{20,}(?![\w-])/gi, SECRET],
];

/** The text without addresses and secrets; it rather loses too much than too little. */
export function redact(text: string): string {
  return PATTERNS.reduce((left, [pattern, stand]) => left.replaceAll(pattern, stand), text);
}
