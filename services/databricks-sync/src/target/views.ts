import type { TotalsQuery } from './lakehouse-target.ts';

/** How engines write what they do not write alike. */
export interface Dialect {
  /** Names of the tables, quoted and qualified. */
  readonly auditEvents: string;
  readonly charges: string;
  /** The UTC day of a timestamp. */
  readonly dayOf: (timestamp: string) => string;
  /** A named parameter in a statement. */
  readonly parameter: (name: string) => string;
  readonly timestampType: string;
  readonly textType: string;
}

const USAGE = "'tollgate.usage.v1'";

/**
 * Per UTC day of the request, team, model and currency: requests, tokens and what they cost. The currency is that of
 * a usage's charges, of which one usage has one; null where nothing was charged.
 */
export function dailyView({ auditEvents, charges, dayOf }: Dialect): string {
  return `SELECT day, organisation_id, team_id, model, currency, sum(request) AS requests,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(amount) AS amount
FROM (
  SELECT ${dayOf('u.requested_at')} AS day, u.organisation_id, u.team_id, u.model, c.currency,
    CASE WHEN u.final THEN 1 ELSE 0 END AS request, u.input_tokens, u.output_tokens, c.amount
  FROM ${auditEvents} AS u
  LEFT JOIN (
    SELECT usage_event_id, max(currency) AS currency, sum(amount) AS amount FROM ${charges} GROUP BY usage_event_id
  ) AS c ON c.usage_event_id = u.event_id
  WHERE u.type = ${USAGE}
) AS charged_usage
GROUP BY day, organisation_id, team_id, model, currency`;
}

export interface TotalsStatements {
  /** One row: requests, input_tokens, output_tokens, as text. */
  readonly usage: string;
  /** A row per currency (null for what has no amount): currency, charges, amount, as text. */
  readonly charges: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;

/** The statements that answer a {@link TotalsQuery}. */
export function totalsStatements(query: TotalsQuery, dialect: Dialect): TotalsStatements {
  const { parameter, timestampType, textType, auditEvents, charges } = dialect;
  const parameters: Record<string, string> = { from_instant: query.from, to_instant: query.to };
  const conditions = [
    `requested_at >= CAST(${parameter('from_instant')} AS ${timestampType})`,
    `requested_at < CAST(${parameter('to_instant')} AS ${timestampType})`,
  ];
  if (query.organisationId !== null) {
    parameters['organisation'] = query.organisationId;
    conditions.push(`organisation_id = ${parameter('organisation')}`);
  }
  if (query.teamIds !== null) {
    const names = query.teamIds.map((team, index) => {
      parameters[`team_${index}`] = team;
      return parameter(`team_${index}`);
    });
    conditions.push(names.length === 0 ? 'false' : `team_id IN (${names.join(', ')})`);
  }
  // An event is recorded after its request was received; a day spare for clocks that were set back.
  parameters['first_day'] = new Date(Date.parse(query.from) - DAY_MS).toISOString().slice(0, 10);
  conditions.push(`event_date >= CAST(${parameter('first_day')} AS DATE)`);
  const where = conditions.join(' AND ');
  const text = (expression: string): string => `CAST(${expression} AS ${textType})`;
  return {
    usage: `SELECT ${text('coalesce(sum(CASE WHEN final THEN 1 ELSE 0 END), 0)')} AS requests,
  ${text('coalesce(sum(input_tokens), 0)')} AS input_tokens, ${text('coalesce(sum(output_tokens), 0)')} AS output_tokens
FROM ${auditEvents} WHERE type = ${USAGE} AND ${where}`,
    charges: `SELECT currency, ${text('count(*)')} AS charges, ${text('sum(amount)')} AS amount
FROM ${charges} WHERE ${where} GROUP BY currency ORDER BY currency`,
    parameters,
  };
}
