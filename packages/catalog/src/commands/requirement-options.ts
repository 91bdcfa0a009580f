import type { ComplianceStandard } from '@tollgate/policy';
import { COMPLIANCE_STANDARDS } from '@tollgate/policy/located-yaml';
import { InvalidArgumentError } from 'commander';

/** `HIPAA,PCI-DSS`, in any case. */
export function standards(text: string): readonly ComplianceStandard[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name.toLowerCase() !== 'none')
    .map((name) => {
      const found = COMPLIANCE_STANDARDS.find((standard) => standard.toLowerCase() === name.toLowerCase());
      if (found === undefined)
        throw new InvalidArgumentError(`Known are ${COMPLIANCE_STANDARDS.join(', ')}.`);
      return found;
    });
}

/** A whole number of tokens. */
export function tokens(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('Give a whole number of tokens.');
  return number;
}

/** A decimal amount of USD. */
export function usd(text: string): string {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text))
    throw new InvalidArgumentError('Give an amount in USD, such as 2.50.');
  return text;
}
