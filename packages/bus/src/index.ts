export type {
  Bus,
  ConsumedBatch,
  ConsumedMessage,
  ConsumeOptions,
  Follower,
  FollowOptions,
  OutgoingMessage,
  Publisher,
  Running,
} from './bus.ts';
