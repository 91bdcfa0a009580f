export { deadLettersCommand } from './dead-letters/dead-letters-command.ts';
export { topicsCommand } from './kafka/topics/topics-command.ts';
