export type { Strings } from './en';
export { formatDate, language, languages, t } from './language.svelte';
