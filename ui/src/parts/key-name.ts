import { t } from '../strings';

/** What people call a key: what is printed on it, or its name in their language. */
export function keyName(key: string, printed: Partial<Record<string, string>>): string {
  const named = printed[key] ?? (t.keys.names as Partial<Record<string, string>>)[key];
  if (named !== undefined) return named;
  const [, kind, rest] = /^(Key|Digit|Numpad|Mouse|Code)(.+)$/.exec(key) ?? [];
  if (rest === undefined) return key;
  switch (kind) {
    case 'Numpad':
      return t.keys.numpad(rest);
    case 'Mouse':
      return t.keys.mouse(rest);
    case 'Code':
      return t.keys.code(rest);
    default:
      return rest;
  }
}
