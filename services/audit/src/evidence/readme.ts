/** What an auditor reads first. The same for the same bundle. */
export function readmeOf(about: {
  readonly origin: string;
  readonly period: { readonly from: string; readonly to: string };
  readonly requestId: string | null;
  readonly organisationId: string | null;
  readonly size: number;
}): string {
  const what =
    about.requestId === null
      ? `everything that happened from ${about.period.from} up to, but without, ${about.period.to}`
      : `the request ${about.requestId}`;
  const whose =
    about.organisationId === null ? 'all organisations' : `the organisation ${about.organisationId}`;
  return `# Evidence from the audit log ${about.origin}

This bundle shows ${what}, for ${whose}, as the log had it at ${about.size} entries.

## Check it

    tollgate audit verify BUNDLE --key VERIFIER_KEY

needs no network and nothing of whoever made the bundle, but for the verifier key of the log: take it from where you kept it
when you first got it, not from here (\`log.keys\`). Without \`--key\` the command prints the fingerprint of the key that it
found; compare it with yours. With \`--since\` and a checkpoint that you kept, it also shows that the log only grew since.

## What is in it

- \`statement.note\`: what the log says of the period: what each source of events stored, what arrived, what is missing, and
  a verdict. Signed with the log's key.
- \`checkpoint\`: size and root of the log's Merkle tree (C2SP tlog-checkpoint), over which the statement was counted.
- \`tree/\`: the whole tree from left to right. Each line is an event, byte for byte, with its salt (both in base64), or the
  hash of a perfect subtree of entries that are not shown. Entry: version 0x01, SHA-256(source), sequence in 8 bytes, length
  of the type in 2, type, SHA-256(salt, event). Leaf: SHA-256(0x00, entry); node: SHA-256(0x01, left, right) (RFC 9162).
- \`earlier.json\`: an earlier checkpoint, and the proof that this one grew out of it.
- \`configuration.json\`, \`data-handling.json\`: which policies decided and where requests went, as these events say.
- \`in-force.ndjson\`: events by which gateways said which policy file they put in force (its digest, the digest of the
  catalogue of models, and the data handling that the file asserts of each target), byte for byte, each with its salt and its
  inclusion proof under the same checkpoint. They may be older than the period. \`assertions.json\` says the same to read: per
  target whether zero data retention was asserted, by whom and on which day, and under \`not_told\` the policy files of which
  nothing is in the log. An assertion is the word of whoever made it: the log proves that it was in force, and since when, not
  that it is true. Both files are absent where no gateway has told anything.
- \`manifest.note\`: the SHA-256 of each file in its order, signed with the log's key.

## What it proves

- Every event shown is in the log as it is, at its place: the tree's root is the one that was signed.
- None was left out: the number of events shown, per source and kind, is the one that the signed statement counted.
- What the statement can't vouch for it says: read its verdict and reasons. Whether a source told everything rests on the
  numbers and the running hash that it signs itself.
`;
}
