import { describe, expect, test } from 'vitest';
import { GroupCommit } from './group-commit.ts';

/** A commit over a disk that answers when the test says so. */
function commitUnderTest(windowMaxMs = 2) {
  let nowMs = 0;
  let head = 0;
  const syncs: ((error: null) => void)[] = [];
  const commit = new GroupCommit(
    {
      clock: { now: () => nowMs, monotonic: () => nowMs },
      window: { fromPerSecond: 300, maxMs: windowMaxMs },
      lazyMs: 25,
      write: () => {
        commit.wrote(head);
        return head;
      },
      sync: (done) => syncs.push(done),
      committed: () => {},
    },
    0,
  );
  return {
    commit,
    syncs,
    append(): number {
      head += 10;
      commit.appended(head);
      return head;
    },
    pass(ms: number): void {
      nowMs += ms;
    },
    async turn(): Promise<void> {
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    },
    async ask(): Promise<void> {
      const position = this.append();
      await new Promise<void>((resolve, reject) => {
        commit.afterSync(position, (error) => (error === null ? resolve() : reject(error)));
      });
    },
  };
}

describe('a group commit', () => {
  test('covers all that wait together with one sync', async () => {
    const { syncs, turn, ...it } = commitUnderTest();
    const waiting = [it.ask(), it.ask(), it.ask()];
    await turn();
    expect(syncs.length).toBe(1);
    syncs[0]?.(null);
    await Promise.all(waiting);
    expect(syncs.length).toBe(1);
  });

  test('lets the next group form while a sync is under way, and does not promise it that sync', async () => {
    const { commit, syncs, turn, ...it } = commitUnderTest();
    const first = it.ask();
    await turn();
    let secondDone = false;
    const second = it.ask().then(() => {
      secondDone = true;
    });
    await turn();
    expect(syncs.length).toBe(1);
    syncs[0]?.(null);
    await first;
    await turn();
    expect(secondDone).toBe(false);
    expect(syncs.length).toBe(2);
    syncs[1]?.(null);
    await second;
    expect(commit.durable).toBe(20);
  });

  test('starts at once while callers are few, and waits up to its window when they are many', () => {
    const { commit, pass, ...it } = commitUnderTest(2);
    const callers = (perSecond: number): void => {
      for (let i = 0; i < 100; i += 1) {
        pass(1000 / perSecond);
        void it.ask().catch(() => {});
      }
    };
    callers(50);
    expect(commit.windowMs()).toBe(0);
    callers(400);
    expect(commit.windowMs()).toBe(1);
    callers(2000);
    expect(commit.windowMs()).toBe(2);
    callers(20);
    expect(commit.windowMs()).toBe(0);
  });

  test('never waits for company where the window is zero', () => {
    const { commit, pass, ...it } = commitUnderTest(0);
    for (let i = 0; i < 100; i += 1) {
      pass(0.5);
      void it.ask().catch(() => {});
    }
    expect(commit.windowMs()).toBe(0);
  });
});
