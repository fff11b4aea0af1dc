package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/problem"
)

func (a *API) put(w http.ResponseWriter, r *http.Request, text []byte) {
	res, faults := a.Service.cfg.Kinds.Parse(text)
	if len(faults) > 0 {
		a.refuse(w, &FaultsError{placed(0, faults)})
		return
	}
	if res.Key() != keyOf(r) {
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("the path is of %v, and the body declares %v", keyOf(r), res.Key()))
		return
	}
	a.change(w, r, Wish{Apply: []*Resource{res}}, keyOf(r))
}

func (a *API) remove(w http.ResponseWriter, r *http.Request, _ []byte) {
	if !a.known(w, r.PathValue("kind")) {
		return
	}
	k := keyOf(r)
	if s := a.Service.State(); s.Get(k) == nil {
		problem.Write(w, http.StatusNotFound, fmt.Errorf("%v is not declared%s", k, s.near(k)))
		return
	}
	a.change(w, r, Wish{Delete: []Key{k}, Allowed: Allowed{DeleteData: r.URL.Query().Get("delete-data") == "true"}}, k)
}

// change grants a wish about one resource, on the conditions of the request.
func (a *API) change(w http.ResponseWriter, r *http.Request, wish Wish, k Key) {
	conditions, err := conditions(r, k)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, err)
		return
	}
	a.do(w, r, Request{Wish: wish, Match: conditions, DryRun: r.URL.Query().Get("dry-run") == "true"})
}

// conditions are what If-Match and If-None-Match want (RFC 9110, section 13.1).
func conditions(r *http.Request, k Key) (map[Key]int64, error) {
	want, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case none == "*":
		return map[Key]int64{k: Absent}, nil
	case none != "":
		return nil, fmt.Errorf("If-None-Match is %s: of a change, * is the only one that makes sense", none)
	case want == "":
		return nil, nil
	}
	revision, err := strconv.ParseInt(strings.Trim(want, `"`), 10, 64)
	if err != nil || etag(revision) != want {
		return nil, fmt.Errorf("If-Match is %s, and must be the ETag of the resource as it was read, such as %s", want, etag(42))
	}
	return map[Key]int64{k: revision}, nil
}

func etag(revision int64) string { return strconv.Quote(strconv.FormatInt(revision, 10)) }

func (a *API) apply(w http.ResponseWriter, r *http.Request, text []byte) {
	var req ApplyRequest
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("the body is no request to apply: %v", err))
		return
	}
	wish, err := a.Wish(req)
	if err != nil {
		a.refuse(w, err)
		return
	}
	a.do(w, r, Request{Wish: *wish, DryRun: req.DryRun})
}

// Wish reads what a request to apply wants. The error is [*FaultsError].
func (a *API) Wish(req ApplyRequest) (*Wish, error) {
	wish := &Wish{Set: req.Set, Prune: req.Prune, Allowed: Allowed{DeleteData: req.DeleteData}}
	var all []Placed
	wrong := func(format string, args ...any) {
		all = append(all, Placed{-1, Fault{"", fmt.Sprintf(format, args...)}})
	}
	if n := len(req.Resources) + len(req.Delete); n > mostApplied {
		wrong("the request has %d declarations, and at most %d are applied at once", n, mostApplied)
		return nil, &FaultsError{all}
	}
	if req.Prune && req.Set == "" {
		wrong("prune needs the name of a set: what is not in the files, and was of the set, is what goes")
	}
	if req.Set != "" && checkName(req.Set) != nil {
		wrong("set: %v", checkName(req.Set))
	}
	for i, text := range req.Resources {
		res, faults := a.Service.cfg.Kinds.Parse(text)
		all = append(all, placed(i, faults)...)
		wish.Apply = append(wish.Apply, res)
	}
	for _, text := range req.Delete {
		k, err := ParseKey(text)
		if err != nil {
			wrong("delete: %v", err)
		}
		wish.Delete = append(wish.Delete, k)
	}
	if len(all) > 0 {
		return nil, &FaultsError{all}
	}
	return wish, nil
}

func placed(index int, faults []Fault) []Placed {
	var all []Placed
	for _, f := range faults {
		all = append(all, Placed{index, f})
	}
	return all
}

// do grants a request and answers.
func (a *API) do(w http.ResponseWriter, r *http.Request, req Request) {
	done, err := a.grant(r, req)
	if err != nil {
		a.refuse(w, err)
		return
	}
	w.Header().Set(revisionHeader, strconv.FormatInt(done.Revision, 10))
	if len(done.Changes) == 1 && done.Changes[0].Action != Delete {
		w.Header().Set("ETag", etag(done.Changes[0].Revision))
	}
	problem.JSON(w, done)
}

func (a *API) grant(r *http.Request, req Request) (done *Answer, err error) {
	if req.Actor, err = a.Authorize(r); err != nil {
		return nil, err
	}
	if req.ID, err = a.NewID(); err != nil {
		return nil, err
	}
	return a.Service.Do(r.Context(), req)
}

// refuse answers with what was wrong with a request.
func (a *API) refuse(w http.ResponseWriter, err error) {
	var faults *FaultsError
	var conflict *ConflictError
	var refused *RefusedError
	switch {
	case errors.As(err, &faults):
		wrong(w, http.StatusUnprocessableEntity, "nothing was done: the declarations are not right", err, faults.Faults)
	case errors.As(err, &conflict):
		problem.Write(w, http.StatusPreconditionFailed, err)
	case errors.As(err, &refused):
		wrong(w, http.StatusConflict, "nothing was done: it cannot be made so", err, refused.Faults)
	case errors.Is(err, ErrNotWriter):
		unavailable(w)
	default:
		problem.Write(w, http.StatusServiceUnavailable, err)
	}
}

// A Problem is an answer to what could not be done (RFC 9457).
type Problem struct {
	problem.Problem
	// Faults are what is wrong with declarations.
	Faults []Placed `json:"faults,omitempty"`
}

// wrong answers with what is wrong with declarations.
func wrong(w http.ResponseWriter, status int, title string, err error, faults []Placed) {
	problem.Send(w, status, Problem{problem.Problem{Title: title, Status: status, Detail: err.Error()}, faults})
}
