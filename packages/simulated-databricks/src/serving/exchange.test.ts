import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Exchange } from './exchange.ts';
import { Ledger } from './ledger.ts';

test('a pause ends when the client leaves', async () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const ledger = new Ledger(0);
  const exchange = new Exchange(response, 'id', ledger);
  const paused = exchange.pause(3_600_000);
  expect(exchange.closed).toBe(false);
  response.emit('close');
  await paused;
  expect(exchange.closed).toBe(true);
  expect(ledger.stats()).toMatchObject({ aborted: 1, inFlight: 0 });
});
