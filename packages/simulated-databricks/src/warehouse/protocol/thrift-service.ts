import TCLIService from '@databricks/sql/thrift/TCLIService.js';
import { TBinaryProtocol, TBufferedTransport } from 'thrift';

/** Answers one call: gets the name of the procedure and its request, gives its response, both as generated classes. */
export type ServiceCall = (rpc: string, request: unknown) => Promise<object>;

const PROCEDURES = Object.keys(TCLIService.Processor.prototype)
  .filter((name) => name.startsWith('process_'))
  .map((name) => name.slice('process_'.length));

/**
 * Decodes one call of the driver's Thrift service, has it answered, and encodes the answer, all by the code that the
 * driver itself is generated with. Rejects with what `answer` throws: an answer that is no Thrift message, then.
 */
export function answerThriftCall(message: Buffer, answer: ServiceCall): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const handler = Object.fromEntries(
      PROCEDURES.map((rpc) => [
        rpc,
        // The generated code makes an exception message of a rejection, so it must not see one.
        (request: unknown): Promise<object> =>
          answer(rpc, request).catch((error: unknown) => {
            reject(error);
            return NEVER;
          }),
      ]),
    );
    const output = new TBufferedTransport(undefined, (encoded) => {
      if (encoded !== undefined) resolve(encoded);
    });
    const receive = TBufferedTransport.receiver((input) => {
      try {
        new TCLIService.Processor(handler).process(new TBinaryProtocol(input), new TBinaryProtocol(output));
      } catch (error) {
        reject(error);
      }
    }, 0);
    receive(message);
  });
}

const NEVER = new Promise<never>(() => {});
