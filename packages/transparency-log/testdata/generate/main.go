// Makes the golden files beside it with other implementations of the same specifications:
// golang.org/x/mod/sumdb (tlog, note), github.com/transparency-dev/merkle and .../formats.
//
//	cd packages/transparency-log/testdata/generate && go run . ..
//
// The cosignatures carry the time at which they were made; everything else comes out the same every time.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"path/filepath"
	"strings"

	cosignature "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "example.com/audit"

func main() {
	out := os.Args[1]
	tree := newTree(70_003)
	write(out, "trees.json", trees(tree))
	write(out, "growth.json", growth(tree))
	write(out, "probes.json", probes(tree))
	write(out, "notes.json", notes(tree))
}

// entry is the i-th entry of every golden tree.
func entry(i int64) []byte { return fmt.Appendf(nil, "entry %d", i) }

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		read[i] = h[index]
	}
	return read, nil
}

func newTree(size int64) hashes {
	var stored hashes
	for i := int64(0); i < size; i++ {
		more, err := tlog.StoredHashes(i, entry(i), stored)
		check(err)
		stored = append(stored, more...)
	}
	return stored
}

func root(tree hashes, size int64) tlog.Hash {
	hash, err := tlog.TreeHash(size, tree)
	check(err)
	return hash
}

type treeVector struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
	// Of which entries there are proofs: 0, step, 2*step, ...
	Step int64 `json:"step"`
	// SHA-256 over the inclusion proofs of these entries, one after the other.
	Inclusion string `json:"inclusion"`
	// SHA-256 over the consistency proofs from the trees that end with them to this one.
	Consistency string `json:"consistency"`
}

func trees(tree hashes) any {
	var vectors []treeVector
	for size := int64(1); size <= 800; size++ {
		// Every small size, and those about the ends of tiles.
		if edge := size % 256; size > 64 && edge > 1 && edge < 255 && size != 600 {
			continue
		}
		step := int64(1)
		if size > 64 {
			step = 7
		}
		inclusion, consistency := sha256.New(), sha256.New()
		for i := int64(0); i < size; i += step {
			path, err := tlog.ProveRecord(size, i, tree)
			check(err)
			for _, hash := range path {
				inclusion.Write(hash[:])
			}
			path2, err := tlog.ProveTree(size, i+1, tree)
			check(err)
			for _, hash := range path2 {
				consistency.Write(hash[:])
			}
		}
		vectors = append(vectors, treeVector{size, b64h(root(tree, size)), step,
			hex.EncodeToString(inclusion.Sum(nil)), hex.EncodeToString(consistency.Sum(nil))})
	}
	return vectors
}

type growthVector struct {
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Count int   `json:"count"`
	// The tiles in order, shortened to the first and last three of more than eight.
	Tiles []string `json:"tiles"`
	// SHA-256 over path, newline and content of each tile, in order.
	Digest string `json:"digest"`
}

func growth(tree hashes) any {
	var vectors []growthVector
	for _, step := range [][2]int64{{0, 1}, {0, 255}, {0, 256}, {255, 257}, {256, 511}, {1, 1}, {300, 70_000},
		{69_999, 70_003}, {65_535, 65_536}, {65_536, 65_537}, {0, 70_003}, {511, 513}} {
		digest := sha256.New()
		var paths []string
		for _, tile := range tlog.NewTiles(8, step[0], step[1]) {
			data, err := tlog.ReadTileData(tile, tree)
			check(err)
			// Tiles of C2SP have no height in their path.
			path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
			paths = append(paths, path)
			fmt.Fprintf(digest, "%s\n", path)
			digest.Write(data)
		}
		count := len(paths)
		if count > 8 {
			paths = append(paths[:3:3], paths[count-3:]...)
		}
		vectors = append(vectors, growthVector{step[0], step[1], count, paths, hex.EncodeToString(digest.Sum(nil))})
	}
	return vectors
}

type probe struct {
	Kind  string   `json:"kind"`
	A     string   `json:"a"`
	B     string   `json:"b"`
	Hash  string   `json:"hash"`
	Proof []string `json:"proof"`
	Root  string   `json:"root"`
	Valid bool     `json:"valid"`
}

// probes are proofs, most of them spoilt in one place, and what two implementations say of them.
func probes(tree hashes) any {
	random := rand.New(rand.NewSource(6962))
	var vectors []probe
	for range 220 {
		size := 1 + random.Int63n(1<<uint(1+random.Intn(12)))
		index := random.Int63n(size)
		inclusion := random.Intn(2) == 0
		var path [][]byte
		first := uint64(index)
		hash := tlog.RecordHash(entry(index))
		if inclusion {
			p, err := tlog.ProveRecord(size, index, tree)
			check(err)
			path = bytesOf(p)
		} else {
			first = uint64(index) + 1
			hash = root(tree, index+1)
			p, err := tlog.ProveTree(size, index+1, tree)
			check(err)
			path = bytesOf(p)
		}
		top := root(tree, size)
		last := uint64(size)
		switch random.Intn(10) {
		case 0:
			first += 1 + uint64(random.Intn(3))
		case 1:
			first -= min(first, 1+uint64(random.Intn(3)))
		case 2:
			last += 1 + uint64(random.Intn(5))
		case 3:
			last = ^uint64(0) - uint64(random.Intn(3))
		case 4:
			hash[random.Intn(32)] ^= 1 << random.Intn(8)
		case 5:
			if len(path) > 0 {
				path[random.Intn(len(path))][random.Intn(32)] ^= 1 << random.Intn(8)
			}
		case 6:
			path = append(path, top[:])
		case 7:
			if len(path) > 0 {
				path = path[:len(path)-1]
			}
		}
		valid := verdict(inclusion, first, last, hash, path, top)
		kind := "consistency"
		if inclusion {
			kind = "inclusion"
		}
		encoded := []string{}
		for _, p := range path {
			encoded = append(encoded, base64.StdEncoding.EncodeToString(p))
		}
		vectors = append(vectors, probe{kind, fmt.Sprint(first), fmt.Sprint(last), b64h(hash), encoded, b64h(top), valid})
	}
	return vectors
}

func verdict(inclusion bool, first, last uint64, hash tlog.Hash, path [][]byte, top tlog.Hash) bool {
	var err error
	if inclusion {
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, first, last, hash[:], path, top[:])
	} else {
		err = proof.VerifyConsistency(rfc6962.DefaultHasher, first, last, path, hash[:], top[:])
	}
	if !inclusion && first == 0 {
		// From the empty tree this version of merkle accepts whatever comes; its later ones and tlog refuse.
		return false
	}
	if last > 1<<62 {
		return err == nil
	}
	var other error
	var p []tlog.Hash
	for _, h := range path {
		p = append(p, tlog.Hash(h))
	}
	if inclusion {
		other = tlog.CheckRecord(p, int64(last), top, int64(first), hash)
	} else {
		other = tlog.CheckTree(p, int64(last), top, int64(first), hash)
	}
	if (err == nil) != (other == nil) {
		log.Fatalf("implementations disagree: %v, %v", err, other)
	}
	return err == nil
}

func bytesOf(path []tlog.Hash) [][]byte {
	var out [][]byte
	for _, hash := range path {
		out = append(out, hash[:])
	}
	return out
}

// notes are keys, checkpoints with several signatures, cosignatures and offline proofs.
func notes(tree hashes) any {
	oldSkey, oldVkey := key(origin, 1)
	newSkey, newVkey := key(origin, 2)
	witnessSkey, witnessVkey := key("witness.example/w1", 3)
	size := int64(1000)
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, b64h(root(tree, size)))
	oldSigner, newSigner := signer(oldSkey), signer(newSkey)
	witness, err := cosignature.NewSignerForCosignatureV1(witnessSkey)
	check(err)
	cosigningVkey, err := cosignature.VKeyToCosignatureV1(witnessVkey)
	check(err)
	rotating, err := note.Sign(&note.Note{Text: text}, oldSigner, newSigner)
	check(err)
	cosigned, err := note.Sign(&note.Note{Text: text}, oldSigner, witness)
	check(err)
	path, err := tlog.ProveRecord(size, 321, tree)
	check(err)
	var path32 [][32]byte
	for _, hash := range path {
		path32 = append(path32, hash)
	}
	offline := tlogproof.TLogProof{Index: 321, Hashes: path32, Checkpoint: cosigned, ExtraData: []byte("a salt")}
	plain := tlogproof.TLogProof{Index: 321, Hashes: path32, Checkpoint: cosigned}
	return map[string]any{
		"origin": origin, "text": text, "size": size, "index": 321,
		"oldSigner": oldSkey, "oldVerifier": oldVkey, "newSigner": newSkey, "newVerifier": newVkey,
		"witnessVerifier": witnessVkey, "cosigningVerifier": cosigningVkey,
		"rotating": string(rotating), "cosigned": string(cosigned),
		"proof": string(offline.Marshal()), "proofWithoutExtra": string(plain.Marshal()),
	}
}

// key is a signing and a verifier key from a seed of 32 equal bytes.
func key(name string, fill byte) (skey, vkey string) {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = fill
	}
	skey, vkey, err := note.GenerateKey(strings.NewReader(string(seed)+string(seed)), name)
	check(err)
	return skey, vkey
}

func signer(skey string) note.Signer {
	s, err := note.NewSigner(skey)
	check(err)
	return s
}

func b64h(hash tlog.Hash) string { return base64.StdEncoding.EncodeToString(hash[:]) }

func write(folder, name string, value any) {
	encoded, err := json.MarshalIndent(value, "", "  ")
	check(err)
	check(os.WriteFile(filepath.Join(folder, name), append(encoded, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
