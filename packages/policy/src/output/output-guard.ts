import type { Finding } from '../chain/policy-step.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import { piiFinder } from '../pii-detector/pii-detector.ts';
import { Redactions } from '../texts/redactions.ts';
import { compileExpressions, DlpWindow } from './dlp-window.ts';
import { JsonText, type PiecewiseText } from './json-text.ts';
import { type OutputBlock, OutputVerdict } from './output-verdict.ts';
import { PiiWindow } from './pii-window.ts';
import { RestoreWindow } from './restore-window.ts';
import { TextOutlet, type TextStage } from './text-stage.ts';

/** Puts one policy before the next station of a text. */
type Station = (redactions: Redactions, verdict: OutputVerdict, next: TextStage) => TextStage;

/** What a configuration asks of answers, compiled once for each version of it. */
export interface CompiledOutput {
  /** In the order of the chain. */
  readonly stations: readonly Station[];
}

/** Compiles the policies whose `apply_to` names `output`; null where none does, so that answers pass untouched. */
export function compileOutput({ chain, policies }: PolicyConfig): CompiledOutput | null {
  const { piiDetector, dlpFilter } = policies;
  const stations: Station[] = [];
  for (const name of chain) {
    if (name === 'pii-detector' && piiDetector?.applyTo.includes('output') === true) {
      const find = piiFinder(piiDetector);
      stations.push(
        (redactions, verdict, next) => new PiiWindow(piiDetector, find, redactions, verdict, next),
      );
    } else if (name === 'dlp-filter' && dlpFilter?.applyTo.includes('output') === true) {
      const expressions = compileExpressions(dlpFilter);
      stations.push((redactions, verdict, next) => new DlpWindow(expressions, redactions, verdict, next));
    }
  }
  return stations.length === 0 ? null : { stations };
}

/** The texts of one answer on their way to the caller. */
export class OutputGuard {
  readonly #compiled: CompiledOutput | null;
  readonly #stations: readonly Station[];
  readonly #redactions: Redactions;
  readonly #restores: boolean;
  readonly #verdict = new OutputVerdict();

  /**
   * @param compiled null where answers are only restored
   * @param redactions of the request, whose numbering goes on in the answer; null where nothing was redacted
   */
  constructor(compiled: CompiledOutput | null, redactions: Redactions | null) {
    this.#compiled = compiled;
    this.#stations = compiled?.stations ?? [];
    this.#redactions = redactions ?? new Redactions();
    this.#restores = this.#redactions.isRestorable;
  }

  /** Why nothing more may be passed on; null as long as it may. */
  get blocked(): OutputBlock | null {
    return this.#verdict.blocked;
  }

  findings(): readonly Finding[] {
    return this.#verdict.findings();
  }

  /** Whether any policy looks at the answer; else it is only restored. */
  get looks(): boolean {
    return this.#stations.length > 0;
  }

  /** A new text of the answer, such as the content of one choice. */
  begin(): PiecewiseText {
    return new OutputText(this.#stations, this.#redactions, this.#verdict, this.#restores);
  }

  /** A new text of the answer that is JSON, such as the arguments of a tool call. */
  beginJson(): PiecewiseText {
    return new JsonText(
      () => this.begin(),
      () => this.#verdict.blocked !== null,
    );
  }

  /** For texts that the answer holds again, as streams do at their ends: as this, but what is found is not counted twice. */
  again(): OutputGuard {
    return new OutputGuard(this.#compiled, this.#redactions);
  }

  /** Blocks for what was found by another guard of the same answer. */
  blockFor({ policy, rule }: OutputBlock): void {
    this.#verdict.block(policy, rule);
  }
}

/** One text of an answer, from its first piece to its end. */
class OutputText implements PiecewiseText {
  readonly #first: TextStage;
  readonly #outlet = new TextOutlet();
  readonly #verdict: OutputVerdict;

  constructor(
    stations: readonly Station[],
    redactions: Redactions,
    verdict: OutputVerdict,
    restores: boolean,
  ) {
    this.#verdict = verdict;
    const last: TextStage = restores ? new RestoreWindow(redactions, this.#outlet) : this.#outlet;
    this.#first = stations.reduceRight((next, station) => station(redactions, verdict, next), last);
  }

  /** Takes the next piece; gives what may go to the caller by now, rewritten. */
  push(piece: string): string {
    if (this.#verdict.blocked === null) this.#first.push(piece);
    return this.#outlet.take();
  }

  /** Gives what was held back until now, since nothing more comes. */
  end(): string {
    if (this.#verdict.blocked === null) this.#first.end();
    return this.#outlet.take();
  }
}
