/**
 * A transparency log as a set of files: the Merkle tree of RFC 6962 and RFC 9162, laid out as C2SP tlog-tiles, with its
 * size and root signed as tlog-checkpoint. Anyone who holds the verifier key can check what is in the log and that it only
 * ever grew, with this package or with any other implementation of those specifications.
 *
 * `growLog` turns an edge (at most 64 hashes, a partial tile a level, a partial bundle) and new entries into the files to
 * write and the next edge; the caller writes them, makes them durable, and only then signs a checkpoint of `rootOf` the
 * new edge. Proofs are built from those files through a `LogReader`, and `verifyInclusion`, `verifyConsistency` and
 * `verifyTlogProof` judge them with no more than the keys. Witnesses' cosignatures (cosignature/v1) are added to a
 * checkpoint by `addCosignatures` and counted by `openCheckpoint`.
 *
 * Costs, measured on one busy core: growing the log by an entry of 300 bytes takes 2 to 4.5 µs in steps of 256 to 1,024
 * entries, two hashes of it and the rest copying, with a signed checkpoint a step (60 µs); the files come to 340 bytes an
 * entry. In ten million entries a proof takes 1.5 ms from tiles in memory, at most 255 hashes for each of three or four
 * tiles, judging it 60 µs, and the root of any size 0.5 ms.
 *
 * Invariants: pure but for the reader; the same edge and entries give the same files, byte for byte; an edge is a value
 * and is never changed; parsers take exactly what the specifications allow, in one spelling, bounded in bytes and lines;
 * everything thrown is a `TransparencyLogError`; sizes and indexes go up to 2^64 − 1, as bigint.
 *
 * Known limits: no signatures but Ed25519 (no ECDSA, no ML-DSA: such signature lines are kept and ignored). A root binds
 * no size by itself, only the signed checkpoint does: a leaf's path can be the same at two sizes. Who kept no earlier
 * checkpoint sees neither a rewritten log signed anew nor a rollback: keep one, or ask for a quorum of witnesses. Base64
 * with spare bits set, which Go's `note` reads, is refused, so that no byte of a signature may change unseen.
 */
export {
  type Checkpoint,
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from './checkpoint/checkpoint.ts';
export { cosignatureTimestamp, cosigner, readWitness } from './checkpoint/cosignature.ts';
export {
  type CheckpointPolicy,
  type Cosignature,
  type OpenedCheckpoint,
  openCheckpoint,
} from './checkpoint/open-checkpoint.ts';
export {
  formatTlogProof,
  MAX_EXTRA_BYTES,
  parseTlogProof,
  type TlogProof,
  type VerifiedTlogProof,
  verifyTlogProof,
} from './checkpoint/tlog-proof.ts';
export {
  type AddCheckpoint,
  addCosignatures,
  formatAddCheckpoint,
  parseAddCheckpoint,
  parseConflictSize,
} from './checkpoint/witness.ts';
export { TransparencyLogError, type TransparencyLogErrorCode } from './errors.ts';
export { emptyRoot, HASH_BYTES, leafHash, leafHashes, nodeHash } from './merkle/hash.ts';
export { type LeafRange, type NodeId, nodesOfRange } from './merkle/node.ts';
export { consistencyRanges, inclusionRanges } from './merkle/proof-ranges.ts';
export { alignedSubtrees, leavesOf, PrunedTree } from './merkle/pruned-tree.ts';
export { MAX_TREE_SIZE } from './merkle/size.ts';
export { treeHash } from './merkle/tree-hash.ts';
export { MAX_PROOF_HASHES, verifyConsistency, verifyInclusion } from './merkle/verify.ts';
export {
  formatSignerKey,
  formatVerifierKey,
  keyIdOf,
  parseVerifierKey,
  SIGNATURE_TYPE,
  type SignatureType,
  type VerifierKey,
} from './note/key.ts';
export {
  formatNote,
  formatSignatureLine,
  MAX_NOTE_BYTES,
  MAX_SIGNATURES,
  type Note,
  type NoteSignature,
  parseNote,
} from './note/note.ts';
export { type OpenedNote, openNote, type VerifiedSignature } from './note/open-note.ts';
export {
  ed25519Signer,
  type NoteSigner,
  type NoteVerifier,
  readSigner,
  readVerifier,
  signNote,
} from './note/signer.ts';
export { encodeEntries, MAX_ENTRY_BYTES, parseBundle } from './tiles/bundle.ts';
export { emptyLog, growLog, type LogEdge, type WrittenResource } from './tiles/grow-log.ts';
export { emptyEdge, growTree, rootOf, type TreeEdge, type WrittenTile } from './tiles/grow-tree.ts';
export { bundlesOfGrowth, tilesOfGrowth } from './tiles/growth.ts';
export { type LogReader, readBundle, readRangeHashes, readTile } from './tiles/log-reader.ts';
export { CHECKPOINT_PATH, entriesPath, type LogResource, parsePath, tilePath } from './tiles/paths.ts';
export { proveConsistency, proveInclusion, readEdge, readEntry, rootAt } from './tiles/prove.ts';
export {
  type BundleId,
  bundleOfEntry,
  edgeTiles,
  TILE_BYTES,
  TILE_HEIGHT,
  TILE_WIDTH,
  type TileId,
  tileOfTree,
} from './tiles/tile.ts';
