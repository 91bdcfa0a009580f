import { type Answer, contentJson, headMembers, textJson, usageJson, usageMember } from './answers.ts';
import type { Behaviour } from './behaviour.ts';
import { embeddingJson } from './embeddings.ts';
import { finalJson } from './responses/response-body.ts';
import { countWords } from './words.ts';

/** The JSON body of an answer that is not a stream, concatenated rather than stringified: 1 µs against 5. */
export function wholeBody(answer: Answer): string {
  const { request, behaviour } = answer;
  if (request.task === 'responses') return broken(finalJson(answer), behaviour);
  if (request.task === 'custom') return broken(predictions(request.rows), behaviour);
  const usage = usageMember(behaviour, usageJson(answer, answer.outputTokens));
  const early = behaviour.usage === 'early';
  const members =
    request.task === 'embeddings' ? embeddingMembers(answer) : textMembers(answer, early ? usage : '');
  const body = `{${members}${early && request.task !== 'embeddings' ? '' : usage}}`;
  return broken(body, behaviour);
}

function broken(body: string, behaviour: Behaviour): string {
  return behaviour.malformed ? body.slice(0, Math.ceil((body.length * 2) / 3)) : body;
}

/** One number for each row, as MLflow's scoring server answers. */
function predictions(rows: number): string {
  return JSON.stringify({ predictions: Array.from({ length: rows }, (_, index) => index) });
}

/** A chat answer that says just this. */
export function wordsBody(answer: Answer, words: string): string {
  const usage = usageJson(answer, countWords(words));
  const choice = { index: 0, message: { role: 'assistant', content: words }, finish_reason: 'stop' };
  const body = `{${headMembers(answer, 'chat.completion')},"choices":[${JSON.stringify(choice)}],"usage":${usage}}`;
  return answer.behaviour.malformed ? body.slice(0, Math.ceil(body.length / 2)) : body;
}

function textMembers(answer: Answer, beforeChoices: string): string {
  const { request, outputTokens, finishReason } = answer;
  const object = request.task === 'chat' ? 'chat.completion' : 'text_completion';
  const choice =
    request.task === 'chat'
      ? `"message":${messageJson(answer)}`
      : `"text":${contentJson(answer, 0, outputTokens)}`;
  return (
    `${headMembers(answer, object)}${beforeChoices},` +
    `"choices":[{"index":0,${choice},"logprobs":null,"finish_reason":"${finishReason}"}]`
  );
}

function messageJson(answer: Answer): string {
  const { said, outputTokens } = answer;
  if (said === null || said.tool === null) {
    return `{"role":"assistant","content":${contentJson(answer, 0, outputTokens)}}`;
  }
  const called = `"name":${JSON.stringify(said.tool)},"arguments":${textJson(answer, 0, outputTokens)}`;
  return `{"role":"assistant","content":null,"tool_calls":[{"id":"call_${answer.id}","type":"function","function":{${called}}}]}`;
}

function embeddingMembers(answer: Answer): string {
  const { request, dimensions, modelJson } = answer;
  const data = request.embeddingSeeds.map(
    (seed, index) =>
      `{"object":"embedding","index":${index},"embedding":${embeddingJson(seed, dimensions, request.base64)}}`,
  );
  return `"object":"list","model":${modelJson},"data":[${data.join(',')}]`;
}
