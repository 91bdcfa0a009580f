import {
  GUARDRAIL_NAMES,
  GUARDRAIL_TITLES,
  type Guardrail,
  type SelectionRecord,
} from './selection-record.ts';

/** The decision, its record and its guardrails as a page of Markdown, for whoever has to approve or to repeat it. */
export function decisionNote(record: SelectionRecord): string {
  const { model, mode, region, replacement, reason, assertions, runbook } = record;
  const sections = [
    `# ${model} on ${mode} in ${region}`,
    `${model} is used on ${mode} in ${region}. Reason: ${sentence(reason)}`,
    `When it is retired or unavailable, ${replacement} takes its place, after prompts, output format and latency have been tested with it.`,
    '## Record',
    recordTable(record),
    '## Guardrails',
    GUARDRAIL_NAMES.map((name) => guardrailLine(GUARDRAIL_TITLES[name], record.guardrails[name])).join('\n'),
    '## Asserted by us, not by the gateway',
    assertionLines(assertions),
    '## Runbook',
    [
      `- What it is for: ${runbook.purpose ?? NOT_SAID}`,
      `- What it is not for: ${runbook.not_for ?? NOT_SAID}`,
      `- What breaks without it: ${runbook.breaks_without_it ?? NOT_SAID}`,
      `- What follows it: ${replacement}`,
      `- Who approves the switch: ${record.approver}`,
    ].join('\n'),
  ];
  return `${sections.join('\n\n')}\n`;
}

const NOT_SAID = 'not said yet';

function recordTable(record: SelectionRecord): string {
  const rows = [
    ['Model family', record.family],
    ['Databricks model', record.model],
    ['Endpoint type', record.mode],
    ['Primary region', record.region],
    ['Secondary region', record.secondary_region ?? 'none'],
    ['Data residency', record.residency ?? 'no constraint'],
    ['Standards', record.standards.join(', ') || 'none asked for'],
    ['Status', record.status],
    ['Retirement', record.retires_on ?? 'none known'],
    [
      'Cross-geography routing',
      `${record.routing_required}, ${record.cross_geography_allowed ? 'allowed' : 'not allowed'}`,
    ],
    ['Replacement', record.replacement],
    ['Owner', record.owner],
    ['Approver', record.approver],
    ['Chosen', record.chosen_on],
    ['Test', `${record.test.status}${record.test.on === undefined ? '' : `, ${record.test.on}`}`],
  ];
  return ['| | |', '|---|---|', ...rows.map(([title, value]) => `| ${title} | ${cell(value ?? '')} |`)].join(
    '\n',
  );
}

function guardrailLine(title: string, { status, by, on }: Guardrail): string {
  const box = status === 'done' ? 'x' : ' ';
  const who = by === undefined ? '' : ` by ${by}`;
  const when = on === undefined ? '' : ` on ${on}`;
  return `- [${box}] ${title}: ${status === 'not-needed' ? 'not needed' : status}${who}${when}`;
}

function assertionLines(assertions: SelectionRecord['assertions']): string {
  const named = [
    ['Zero data retention', assertions.zero_data_retention],
    ['Data processing', assertions.data_processing],
  ] as const;
  return named
    .map(([title, said]) =>
      said === undefined
        ? `- ${title}: nothing is asserted`
        : `- ${title}: ${sentence(said.statement)} Asserted by ${said.asserted_by} on ${said.asserted_on}.`,
    )
    .join('\n');
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
