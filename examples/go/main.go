// Logsummary reads a log of JSON objects, one a line, and prints what it was about: requests by status, the slowest
// paths, errors in their order.
//
//	$ (cd examples/go && GOOS=wasip1 GOARCH=wasm go build -o ../../target/logsummary.wasm .)
//	$ gate run target/logsummary.wasm < examples/go/access.log
//
// Each line has "path" and optionally "status", "ms" and "message". Lines that are not such objects are counted.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
)

type entry struct {
	Path    string  `json:"path"`
	Status  int     `json:"status"`
	MS      float64 `json:"ms"`
	Message string  `json:"message"`

	line int
}

// A batch of lines is parsed by one goroutine.
type batch struct {
	first int
	lines []string
}

type parsed struct {
	entries []entry
	broken  int
}

const batchLines = 64

// read sends the lines of the standard input in batches.
func read(batches chan<- batch) error {
	defer close(batches)
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<20)
	current := batch{first: 1}
	for scanner.Scan() {
		current.lines = append(current.lines, scanner.Text())
		if len(current.lines) == batchLines {
			batches <- current
			current = batch{first: current.first + batchLines}
		}
	}
	if len(current.lines) > 0 {
		batches <- current
	}
	return scanner.Err()
}

func parse(b batch) parsed {
	var result parsed
	for i, line := range b.lines {
		e := entry{line: b.first + i}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Path == "" {
			result.broken++
			continue
		}
		result.entries = append(result.entries, e)
	}
	return result
}

func main() {
	batches := make(chan batch, 4)
	results := make(chan parsed, 4)
	var workers sync.WaitGroup
	for i := 0; i < 4; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for b := range batches {
				results <- parse(b)
			}
		}()
	}
	var readError error
	go func() {
		readError = read(batches)
		workers.Wait()
		close(results)
	}()

	var entries []entry
	broken := 0
	for r := range results {
		entries = append(entries, r.entries...)
		broken += r.broken
	}
	if readError != nil {
		fmt.Fprintln(os.Stderr, "logsummary:", readError)
		os.Exit(1)
	}
	// The batches were finished in any order.
	sort.Slice(entries, func(i, j int) bool { return entries[i].line < entries[j].line })
	summarize(entries, broken)
}

type pathTimes struct {
	path string
	ms   []float64
}

func summarize(entries []entry, broken int) {
	statuses := map[int]int{}
	times := map[string][]float64{}
	for _, e := range entries {
		statuses[e.Status]++
		times[e.Path] = append(times[e.Path], e.MS)
	}
	fmt.Printf("%d entries, %d broken lines\n", len(entries), broken)

	var codes []int
	for code := range statuses {
		codes = append(codes, code)
	}
	sort.Ints(codes)
	fmt.Println("\nstatus  count")
	for _, code := range codes {
		fmt.Printf("%6d  %5d\n", code, statuses[code])
	}

	var paths []pathTimes
	for path, ms := range times {
		sort.Float64s(ms)
		paths = append(paths, pathTimes{path, ms})
	}
	sort.Slice(paths, func(i, j int) bool {
		a, b := paths[i], paths[j]
		if slowA, slowB := a.ms[len(a.ms)-1], b.ms[len(b.ms)-1]; slowA != slowB {
			return slowA > slowB
		}
		return a.path < b.path
	})
	fmt.Println("\ncount  median ms   worst ms  path")
	for i, p := range paths {
		if i == 5 {
			fmt.Printf("and %d more\n", len(paths)-i)
			break
		}
		fmt.Printf("%5d  %9.1f  %9.1f  %s\n", len(p.ms), p.ms[len(p.ms)/2], p.ms[len(p.ms)-1], p.path)
	}

	first := true
	for _, e := range entries {
		if e.Status >= 500 {
			if first {
				fmt.Println("\nerrors")
				first = false
			}
			fmt.Printf("line %d: %d %s: %s\n", e.line, e.Status, e.Path, e.Message)
		}
	}
}
