package problem

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAProblemIsAsTheStandardHasIt(t *testing.T) {
	w := httptest.NewRecorder()
	Write(w, http.StatusServiceUnavailable, errors.New("the task <1> is being restored"))
	const want = `{"title":"Service Unavailable","status":503,"detail":"the task <1> is being restored"}` + "\n"
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if h := w.Header(); h.Get("Content-Type") != ContentType || h.Get("Retry-After") != "1" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
}

func TestAValueThatCannotBeWrittenIsNoHalfAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	JSON(w, map[string]any{"a": make(chan int)})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
