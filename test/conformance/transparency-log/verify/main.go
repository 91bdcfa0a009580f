// Verify judges a Tollgate log as outsiders do: with golang.org/x/mod's sumdb packages and with Tessera's client and
// fsck, over HTTP or from files. Prints one line and exits with 0 where all accept the log, with 1 where one refuses it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Leaves whose proofs are made and judged, spread over the log.
const sampledLeaves = 97

func main() {
	place := flag.String("log", "", "folder or URL of the log")
	key := flag.String("key", "", "verifier key")
	token := flag.String("token", "", "bearer token, for a URL")
	since := flag.String("since", "", "file of an earlier checkpoint")
	flag.Parse()
	if err := run(context.Background(), *place, *key, *token, *since); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, place, key, token, since string) error {
	fetcher, err := fetcherOf(place, token)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	raw, err := fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	tree, err := openTree(raw, verifier)
	if err != nil {
		return fmt.Errorf("note: %w", err)
	}
	earlier := tlog.Tree{}
	if since != "" {
		kept, err := os.ReadFile(since)
		if err != nil {
			return err
		}
		if earlier, err = openTree(kept, verifier); err != nil {
			return fmt.Errorf("earlier note: %w", err)
		}
	}
	if err := withSumdb(ctx, fetcher, tree, earlier); err != nil {
		return fmt.Errorf("x/mod: %w", err)
	}
	if err := withTessera(ctx, fetcher, verifier, earlier); err != nil {
		return fmt.Errorf("tessera: %w", err)
	}
	fmt.Printf("accepted: %d entries, root %v\n", tree.N, tree.Hash)
	return nil
}

func fetcherOf(place, token string) (fsck.Fetcher, error) {
	if !strings.HasPrefix(place, "http") {
		return client.FileFetcher{Root: place}, nil
	}
	root, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewHTTPFetcher(root, http.DefaultClient)
	if err == nil && token != "" {
		fetcher.SetAuthorizationHeader("Bearer " + token)
	}
	return fetcher, err
}

func openTree(raw []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the origin is %q", origin)
	}
	// ParseTree knows the checksum database alone, by its first line.
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// tileReader gives x/mod the tiles: its paths name the height, those of tlog-tiles don't.
type tileReader struct {
	ctx     context.Context
	fetcher fsck.Fetcher
}

func (r tileReader) Height() int { return layout.TileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, 0, len(tiles))
	for _, tile := range tiles {
		data, err := r.fetcher.ReadTile(r.ctx, uint64(tile.L), uint64(tile.N), uint8(tile.W%layout.TileWidth))
		if err != nil {
			return nil, err
		}
		if len(data) < tile.W*tlog.HashSize {
			return nil, errors.New("a tile is too short")
		}
		all = append(all, data[:tile.W*tlog.HashSize])
	}
	return all, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func withSumdb(ctx context.Context, fetcher fsck.Fetcher, tree, earlier tlog.Tree) error {
	hashes := tlog.TileHashReader(tree, tileReader{ctx, fetcher})
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the tiles come to another root")
	}
	for _, index := range sampled(uint64(tree.N)) {
		entry, err := entryAt(ctx, fetcher, index, uint64(tree.N))
		if err != nil {
			return err
		}
		made, err := tlog.ProveRecord(tree.N, int64(index), hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(made, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	if earlier.N == 0 {
		return nil
	}
	if earlier.N > tree.N {
		return fmt.Errorf("went back from %d to %d entries", earlier.N, tree.N)
	}
	made, err := tlog.ProveTree(tree.N, earlier.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(made, tree.N, tree.Hash, earlier.N, earlier.Hash)
}

func withTessera(ctx context.Context, fetcher fsck.Fetcher, verifier note.Verifier, earlier tlog.Tree) error {
	origin := verifier.Name()
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, origin)
	if err != nil {
		return err
	}
	if err := fsck.New(origin, verifier, fetcher, hashesOfBundle, fsck.Opts{N: 2}).Check(ctx); err != nil {
		return fmt.Errorf("fsck: %w", err)
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		return err
	}
	for _, index := range sampled(checkpoint.Size) {
		entry, err := entryAt(ctx, fetcher, index, checkpoint.Size)
		if err != nil {
			return err
		}
		made, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return err
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(entry)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, made, checkpoint.Hash); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	if earlier.N == 0 {
		return nil
	}
	made, err := builder.ConsistencyProof(ctx, uint64(earlier.N), checkpoint.Size)
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(earlier.N), checkpoint.Size, made, earlier.Hash[:], checkpoint.Hash)
}

func entryAt(ctx context.Context, fetcher fsck.Fetcher, index, size uint64) ([]byte, error) {
	bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/layout.EntryBundleWidth, size)
	if err != nil {
		return nil, err
	}
	at := index % layout.EntryBundleWidth
	if at >= uint64(len(bundle.Entries)) {
		return nil, fmt.Errorf("entry %d: %w", index, fs.ErrNotExist)
	}
	return bytes.Clone(bundle.Entries[at]), nil
}

func hashesOfBundle(data []byte) ([][]byte, error) {
	bundle := &api.EntryBundle{}
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(bundle.Entries))
	for _, entry := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func sampled(size uint64) []uint64 {
	indexes := []uint64{}
	for i := uint64(0); i < size; i += max(1, size/sampledLeaves) {
		indexes = append(indexes, i)
	}
	if size > 0 {
		indexes = append(indexes, size-1)
	}
	return indexes
}
