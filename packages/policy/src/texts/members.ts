/**
 * Members whose strings the model does not read as text, or that an upstream compares literally; rewriting them would break the
 * call. Media (`data`, `file_data`) are not text; whom a call is for (`user`, `metadata`) never reaches the model.
 */
export const OPAQUE: ReadonlySet<string> = new Set([
  'audio',
  'b64_json',
  'call_id',
  'client_request_id',
  'conversation',
  'data',
  'detail',
  'encoding_format',
  'encrypted_content',
  'file_data',
  'file_id',
  'format',
  'id',
  'include',
  'logit_bias',
  'metadata',
  'modalities',
  'model',
  'name',
  'object',
  'previous_response_id',
  'prompt_cache_key',
  'reasoning_effort',
  'role',
  'safety_identifier',
  'service_tier',
  'status',
  'stop',
  'stream_options',
  'tool_call_id',
  'tool_choice',
  'type',
  'usage_context',
  'user',
  'verbosity',
]);

/** Members at the top level that define tools and the shape of answers. */
export const DEFINITIONS: ReadonlySet<string> = new Set(['tools', 'functions', 'response_format', 'text']);

/** Members at the top level that are laid out by the protocol; of any other, every string is text. */
export const LAID_OUT: ReadonlySet<string> = new Set(['input', 'prompt', 'suffix', 'prediction']);

/** Names of members that a protocol lays out, and words of JSON Schema: they tell nothing. Any other name is read as a text. */
const LAID_OUT_NAMES = `
  additionalProperties allOf annotations anyOf arguments background best_of chat_template_kwargs content context_management default definitions
  dataframe_records dataframe_split dimensions columns index instances inputs parameters params predictions
  description description echo enum examples frequency_penalty function function_call functions image_url input input_audio input_image items
  input_text instructions json_schema logprobs max_completion_tokens max_output_tokens max_tokens max_tool_calls maximum maxItems maxLength
  messages min_tokens minimum minItems minLength n not oneOf options output parallel_tool_calls pattern prediction presence_penalty
  prompt prompt_cache_retention properties reasoning reasoning_content refusal repetition_penalty required response_format schema seed signature
  store stream strict suffix summary temperature text thinking title tool_calls tools top_k top_logprobs top_p truncation url
  url_citation web_search_options $defs $ref const default anyOf format file input_file image video video_url cache_control
`;

export const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...OPAQUE,
  ...DEFINITIONS,
  ...LAID_OUT,
  ...LAID_OUT_NAMES.trim().split(/\s+/),
]);

/** Strings of a definition that are no text: words of JSON Schema, and references. */
export const SCHEMA_WORDS: ReadonlySet<string> = new Set(['type', '$ref', 'format', 'strict', 'required']);
