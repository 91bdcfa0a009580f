// Tessera-load appends entries to a Tessera POSIX log with many writers at once, until the last one is published, and
// prints what that took as JSON: what the benchmark of our log is held against.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

type figures struct {
	Entries    int     `json:"entries"`
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

func main() {
	folder := flag.String("folder", "", "an empty folder")
	entries := flag.Int("entries", 200_000, "entries to append")
	size := flag.Int("bytes", 300, "bytes of an entry")
	writers := flag.Int("writers", 2_048, "writers at once")
	batch := flag.Uint("batch", 1_024, "entries of a batch")
	flag.Parse()
	measured, err := run(context.Background(), *folder, *entries, *size, *writers, *batch)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(measured); err != nil {
		os.Exit(1)
	}
}

func run(ctx context.Context, folder string, entries, size, writers int, batch uint) (figures, error) {
	secret, _, err := note.GenerateKey(rand.Reader, "example.com/load")
	if err != nil {
		return figures{}, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return figures{}, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return figures{}, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(batch, 50*time.Millisecond).
		WithPushback(uint(4 * writers)).
		WithCheckpointInterval(200 * time.Millisecond)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return figures{}, err
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	began, cpuBefore := time.Now(), cpuSeconds()
	var group sync.WaitGroup
	futures := make([]tessera.IndexFuture, writers)
	failures := make(chan error, writers)
	for writer := range writers {
		group.Add(1)
		go func() {
			defer group.Done()
			entry := make([]byte, size)
			for n := writer; n < entries; n += writers {
				copy(entry, fmt.Sprintf("%d", n))
				futures[writer] = appender.Add(ctx, tessera.NewEntry(append([]byte(nil), entry...)))
				if _, err := futures[writer](); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	group.Wait()
	select {
	case err := <-failures:
		return figures{}, err
	default:
	}
	for _, future := range futures {
		if future == nil {
			continue
		}
		if _, _, err := await.Await(ctx, future); err != nil {
			return figures{}, err
		}
	}
	measured := figures{entries, time.Since(began).Seconds(), cpuSeconds() - cpuBefore}
	return measured, shutdown(ctx)
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
