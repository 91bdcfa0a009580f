import type { Catalog, Subject } from '../catalog.ts';
import type { EpochMs } from '../instant.ts';
import { type Lifecycle, lifecycleOf } from './lifecycle.ts';
import { type Assessment, type Breach, type Note, type Question, subjectOf } from './question.ts';
import {
  containerBreach,
  crossGeographyBreach,
  type Judged,
  residencyBreach,
  standardBreaches,
} from './rules.ts';

/** More redirects than any chain of them has. */
const MAX_REDIRECTS = 8;

/** What the catalogue makes of a call: every rule against it, and what else is to be said. */
export function assess(catalog: Catalog, question: Question): Assessment {
  const { requireKnown = false, refuseRetired = true } = question;
  const breaches: Breach[] = [];
  const notes = new Set<Note>();
  const asked = subjectOf(catalog, question);
  if (catalog.model(asked.model) === null) {
    const message = `The catalogue does not know "${question.model}": add it to the catalogue file.`;
    if (requireKnown) breaches.push({ rule: 'model_unknown', message });
    else notes.add('unknown-model');
  }
  const lifecycle = lifecycleOf(catalog, asked, question.at);
  const subject = followed(catalog, asked, question.at);
  const { status } = lifecycleOf(catalog, subject, question.at);
  if (lifecycle.status === 'redirected') notes.add('redirected-model');
  if (status === 'preview') notes.add('preview-model');
  if (status === 'retired') {
    if (refuseRetired) breaches.push({ rule: 'model_retired', message: retiredMessage(asked, lifecycle) });
    else notes.add('retired-model');
  }
  if (status === 'unavailable') {
    const where = question.region === null ? '' : ` in ${question.region}`;
    const message = `${subject.model} is not served on ${subject.mode}${where}.`;
    if (refuseRetired) breaches.push({ rule: 'model_unavailable', message });
    else notes.add('unavailable-model');
  }
  const judged: Judged = { catalog, question, subject, requireKnown, notes };
  breaches.push(
    ...residencyBreach(judged),
    ...crossGeographyBreach(judged),
    ...standardBreaches(judged),
    ...containerBreach(judged),
  );
  return { servedModel: servedName(question, asked, subject), lifecycle, breaches, notes: [...notes] };
}

/** Where redirects lead. Where one's destination is not known, it stays. */
function followed(catalog: Catalog, asked: Subject, at: EpochMs): Subject {
  let subject = asked;
  for (let hops = 0; hops < MAX_REDIRECTS; hops += 1) {
    const { status, redirectTo } = lifecycleOf(catalog, subject, at);
    if (status !== 'redirected' || redirectTo === null) break;
    subject = { ...subject, model: redirectTo };
  }
  return subject;
}

/** An endpoint of the customer's own keeps its name, since that is what bills and logs know it by. */
function servedName(question: Question, asked: Subject, subject: Subject): string {
  return subject.model === asked.model ? question.model : subject.model;
}

function retiredMessage({ model, mode }: Subject, { goneMs }: Lifecycle): string {
  const since = goneMs === null ? '' : ` since ${new Date(goneMs).toISOString().slice(0, 10)}`;
  return `${model} is retired on ${mode}${since}.`;
}
