import {
  type ExportedEvent,
  type ExportFormat,
  type Json,
  numberAt,
  objectAt,
  textAt,
} from './exported-event.ts';

/** The version of the schema that is written: the one whose published form the tests validate against. */
export const OCSF_VERSION = '1.8.0';

const CLASS_UID = 6003;
const CATEGORY_UID = 6;
const ACTIVITY = { unknown: 0, create: 1, read: 2, update: 3, delete: 4, other: 99 } as const;
const ACTIVITY_NAMES = {
  0: 'Unknown',
  1: 'Create',
  2: 'Read',
  3: 'Update',
  4: 'Delete',
  99: 'Other',
} as const;
const STATUS = { unknown: 0, success: 1, failure: 2 } as const;
const STATUS_NAMES = { 0: 'Unknown', 1: 'Success', 2: 'Failure' } as const;
const SEVERITY = { informational: 1, low: 2, medium: 3, high: 4 } as const;
const SEVERITY_NAMES = { 1: 'Informational', 2: 'Low', 3: 'Medium', 4: 'High' } as const;
/** `ai_role_id`: it stands for the conversation as a whole. */
const ROLE_OTHER = 99;
const UNKNOWN = 'unknown';

type ActivityId = (typeof ACTIVITY)[keyof typeof ACTIVITY];
type StatusId = (typeof STATUS)[keyof typeof STATUS];
type SeverityId = (typeof SEVERITY)[keyof typeof SEVERITY];

/** OCSF API Activity (class 6003) with the profile `ai_operation`, one JSON object a line. */
export const ocsfFormat: ExportFormat = {
  contentType: 'application/x-ndjson',
  header: '',
  line: (event) => `${JSON.stringify(ocsfOf(event))}\n`,
};

/**
 * One event as OCSF has it. `metadata.uid` is the event's id, by which a receiver drops what it gets again;
 * `metadata.correlation_uid` the request; `metadata.sequence` the leaf index. What OCSF has no member for is `unmapped`.
 */
export function ocsfOf({ leafIndex, receivedAt, event }: ExportedEvent): Json {
  const data = objectAt(event, 'data');
  const attribution = objectAt(data, 'attribution');
  const type = textAt(event, 'type') ?? UNKNOWN;
  const activity = activityOf(type, data);
  const [status, severity] = judgementOf(data);
  const modelled = aiOf(type, data, attribution);
  return without({
    activity_id: activity,
    activity_name: ACTIVITY_NAMES[activity],
    category_uid: CATEGORY_UID,
    category_name: 'Application Activity',
    class_uid: CLASS_UID,
    class_name: 'API Activity',
    type_uid: CLASS_UID * 100 + activity,
    type_name: `API Activity: ${ACTIVITY_NAMES[activity]}`,
    severity_id: severity,
    severity: SEVERITY_NAMES[severity],
    status_id: status,
    status: STATUS_NAMES[status],
    status_code: textAt(data, 'code') ?? textAt(data, 'outcome'),
    time: msOf(textAt(event, 'time')),
    start_time: msOf(textAt(data, 'requested_at')),
    end_time: msOf(textAt(data, 'finished_at')),
    duration: durationMs(data),
    metadata: without({
      version: OCSF_VERSION,
      profiles: modelled === null ? undefined : ['ai_operation'],
      product: { name: 'Tollgate', vendor_name: 'Tollgate', feature: { name: 'audit' } },
      uid: textAt(event, 'id'),
      event_code: type,
      correlation_uid: requestIdOf(type, event, data),
      sequence: leafIndex,
      tenant_uid: textAt(attribution, 'organisation_id') ?? textAt(data, 'organisation_id'),
      log_name: textAt(event, 'source'),
      logged_time: msOf(receivedAt),
      original_time: textAt(event, 'time'),
    }),
    actor: actorOf(event, data, attribution),
    src_endpoint: endpointOf(event, data),
    api: without({
      operation: operationOf(type, data),
      service: { name: 'tollgate', uid: textAt(event, 'source') },
      request: withUid(requestIdOf(type, event, data)),
      response: without({ code: numberAt(data, 'status'), error: textAt(data, 'code') }),
    }),
    http_response: withCode(numberAt(data, 'status')),
    resources: resourcesOf(event, data),
    ...modelled,
    unmapped: unmappedOf(data),
  });
}

/** What the profile adds: the model, and the tokens. Null for what no model had to do with. */
function aiOf(type: string, data: Json, attribution: Json): Json | null {
  const model = textAt(attribution, 'served_model') ?? textAt(attribution, 'requested_model');
  if (model === undefined) return null;
  const quantities = objectAt(data, 'quantities');
  const input = numberAt(quantities, 'input_tokens');
  const output = numberAt(quantities, 'output_tokens');
  return {
    ai_model: without({
      name: model,
      ai_provider: providerOf(attribution),
      uid: textAt(attribution, 'target_id'),
    }),
    ...(type === 'tollgate.usage.v1'
      ? {
          message_context: without({
            ai_role_id: ROLE_OTHER,
            ai_role: 'Conversation',
            service: { name: 'tollgate' },
            prompt_tokens: input,
            completion_tokens: output,
            total_tokens: input === undefined || output === undefined ? undefined : input + output,
          }),
        }
      : {}),
  };
}

/** Endpoints of the kind `external` pass on to somebody whose name no event holds. */
function providerOf(attribution: Json): string {
  const mode = textAt(attribution, 'serving_mode');
  if (mode === undefined) return UNKNOWN;
  return mode === 'external' ? 'Databricks external model' : 'Databricks';
}

function activityOf(type: string, data: Json): ActivityId {
  if (type === 'tollgate.request.v1' || type === 'tollgate.decision.v1' || type === 'tollgate.usage.v1') {
    return ACTIVITY.create;
  }
  // Such as `create` of `api-key.create`, `read` of `audit.read-request`.
  const verb = (textAt(data, 'action') ?? '').split('.').at(-1)?.split('-')[0] ?? '';
  return VERBS.get(verb) ?? ACTIVITY.other;
}

const VERBS: ReadonlyMap<string, ActivityId> = new Map<string, ActivityId>([
  ...['create', 'register', 'import', 'request'].map((verb) => [verb, ACTIVITY.create] as const),
  ...['read', 'search', 'prove', 'replay', 'export', 'bundle', 'reveal'].map(
    (verb) => [verb, ACTIVITY.read] as const,
  ),
  ...['update', 'set', 'approve', 'close', 'hold'].map((verb) => [verb, ACTIVITY.update] as const),
  ...['delete', 'revoke', 'erase'].map((verb) => [verb, ACTIVITY.delete] as const),
]);

/** How it ended, and how much that matters to whoever watches. */
function judgementOf(data: Json): [StatusId, SeverityId] {
  switch (textAt(data, 'outcome')) {
    case 'allowed':
    case 'completed':
    case 'done':
    case 'not-attempted':
      return [STATUS.success, blocks(data) ? SEVERITY.low : SEVERITY.informational];
    case 'denied':
      return [STATUS.failure, blocks(data) ? SEVERITY.medium : SEVERITY.low];
    case 'refused':
      return [STATUS.failure, SEVERITY.medium];
    case 'rejected':
    case 'failed':
    case 'timed-out':
    case 'aborted':
    case 'gateway-lost':
      return [STATUS.failure, SEVERITY.low];
    default:
      return [STATUS.unknown, 'unrecorded_requests' in data ? SEVERITY.high : SEVERITY.informational];
  }
}

/** Whether a policy found something that it acted on. */
function blocks(data: Json): boolean {
  const findings = data['findings'];
  return Array.isArray(findings) && findings.length > 0;
}

function actorOf(event: Json, data: Json, attribution: Json): Json {
  const actor = objectAt(data, 'actor');
  const principal = textAt(attribution, 'principal_id') ?? textAt(actor, 'id');
  if (principal === undefined) return { app_name: textAt(event, 'source') ?? UNKNOWN };
  const kind = textAt(attribution, 'principal_type') ?? textAt(actor, 'type') ?? UNKNOWN;
  const organisation = textAt(attribution, 'organisation_id') ?? textAt(data, 'organisation_id');
  const team = textAt(attribution, 'team_id');
  const isUser = kind === 'user';
  return {
    user: without({
      uid: principal,
      type_id: isUser ? 1 : 3,
      type: isUser ? 'User' : 'System',
      credential_uid: textAt(attribution, 'key_id'),
      org: organisation === undefined ? undefined : { uid: organisation },
      groups: team === undefined ? undefined : [{ uid: team, type: 'team' }],
    }),
  };
}

/** Where a call came from: a prefix of the address is all that is recorded. Else the source of the event itself. */
function endpointOf(event: Json, data: Json): Json {
  const prefix = textAt(data, 'client_prefix');
  return prefix === undefined
    ? { name: textAt(event, 'source') ?? UNKNOWN }
    : { name: prefix, subnet_uid: prefix };
}

function operationOf(type: string, data: Json): string {
  const operation = textAt(data, 'action') ?? textAt(data, 'endpoint');
  return operation ?? type.replace(/^tollgate\./, '').replace(/\.v\d+$/, '');
}

function requestIdOf(type: string, event: Json, data: Json): string | undefined {
  const isRequest = /^tollgate\.(request|decision|usage)\./.test(type);
  return isRequest ? textAt(event, 'subject') : textAt(data, 'request_id');
}

function resourcesOf(event: Json, data: Json): readonly Json[] | undefined {
  const target = textAt(data, 'target') ?? ('attribution' in data ? undefined : textAt(event, 'subject'));
  return target === undefined || target === '' ? undefined : [{ uid: target }];
}

/** What is told besides: everything of the data that has no place above. */
function unmappedOf(data: Json): Json {
  const {
    requested_at: _at,
    finished_at: _end,
    code: _code,
    action: _action,
    endpoint: _endpoint,
    ...rest
  } = data;
  return rest;
}

function durationMs(data: Json): number | undefined {
  const us = numberAt(data, 'duration_us');
  return us === undefined ? undefined : Math.round(us / 1000);
}

function msOf(instant: string | undefined): number | undefined {
  const ms = instant === undefined ? Number.NaN : Date.parse(instant);
  return Number.isNaN(ms) ? undefined : ms;
}

function withUid(uid: string | undefined): Json | undefined {
  return uid === undefined ? undefined : { uid };
}

function withCode(code: number | undefined): Json | undefined {
  return code === undefined ? undefined : { code };
}

/** The object without members that are undefined, or objects that are empty. */
function without(json: Json): Json {
  return Object.fromEntries(
    Object.entries(json).filter(([, value]) => value !== undefined && !isEmpty(value)),
  );
}

function isEmpty(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}
