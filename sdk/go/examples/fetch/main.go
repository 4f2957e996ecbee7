// Fetch fetches what whoever runs the program asks for, a line each: a URL, or a path of the operator's own server.
//
//	echo https://example.com/ | gate run --service http.allow=example.com fetch.wasm
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"

	"gate/gatehttp"
	"gate/gatelog"
	"gate/localhost"
	"gate/origin"
)

func main() {
	ctx := context.Background()
	// A host need not have a log, so it does not matter if that fails.
	logger := slog.New(gatelog.NewHandler("fetch", nil))
	stream, err := origin.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()

	// All at the same time; the results in the order of the lines.
	var results []chan string
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		line, result := lines.Text(), make(chan string, 1)
		results = append(results, result)
		go func() {
			status, bytes, err := fetch(ctx, line)
			if err != nil {
				logger.Warn("failed", "what", line, "why", err)
				result <- fmt.Sprintf("%s: %v\n", line, err)
				return
			}
			logger.Info("fetched", "what", line)
			result <- fmt.Sprintf("%s: %d, %d bytes\n", line, status, bytes)
		}()
	}
	for _, result := range results {
		if _, err := io.WriteString(stream, <-result); err != nil {
			log.Fatal(err)
		}
	}
}

func fetch(ctx context.Context, what string) (status int, bytes int64, err error) {
	if strings.HasPrefix(what, "/") {
		response, err := localhost.Do(ctx, localhost.Request{URI: what})
		if err != nil {
			return 0, 0, err
		}
		return response.Status, int64(len(response.Body)), nil
	}
	client := http.Client{Transport: gatehttp.Transport{}}
	response, err := client.Get(what)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	bytes, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, bytes, err
}
