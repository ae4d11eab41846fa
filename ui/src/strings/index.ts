export { formatDate, language, languages, t } from './language.svelte';
