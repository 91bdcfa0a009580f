/** What measurements of policies have in common, here and in the gateway. Nothing of it runs in production. */
export { MEASURED_TEXTS, threadMicros } from './measuring.ts';
