// Command check verifies proofs and signed notes with Go's own transparency log packages.
//
// It reads one JSON question a line and answers each with one line: "ok", or what is wrong.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Kind   string      `json:"kind"`
	Key    string      `json:"key"`
	Note   string      `json:"note"`
	Text   string      `json:"text"`
	Record []byte      `json:"record"`
	Index  int64       `json:"index"`
	Old    int64       `json:"old"`
	Size   int64       `json:"size"`
	Hashes []tlog.Hash `json:"hashes"`
	Before tlog.Hash   `json:"before"`
	Root   tlog.Hash   `json:"root"`
}

func answer(q question) error {
	switch q.Kind {
	case "note":
		verifier, err := note.NewVerifier(q.Key)
		if err != nil {
			return err
		}
		opened, err := note.Open([]byte(q.Note), note.VerifierList(verifier))
		if err != nil {
			return err
		}
		if opened.Text != q.Text || len(opened.Sigs) != 1 {
			return fmt.Errorf("another text, or %d signatures", len(opened.Sigs))
		}
		return nil
	case "inclusion":
		return tlog.CheckRecord(q.Hashes, q.Size, q.Root, q.Index, tlog.RecordHash(q.Record))
	case "consistency":
		return tlog.CheckTree(q.Hashes, q.Size, q.Root, q.Old, q.Before)
	}
	return fmt.Errorf("unknown question %q", q.Kind)
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	decoder := json.NewDecoder(lines)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := answer(q); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("ok")
		}
	}
}
