export * from './invite';
export * from './rest';
export * from './session';
export { Backoff } from './backoff';
