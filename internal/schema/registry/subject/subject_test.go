package subject

import "testing"

func TestNamesAreTakenApartAsConfluentDoes(t *testing.T) {
	for text, want := range map[string]struct {
		name Name
		text string
	}{
		"orders-value":       {Name{".", "orders-value"}, "orders-value"},
		":.eu:orders-value":  {Name{".eu", "orders-value"}, ":.eu:orders-value"},
		":.eu:":              {Name{".eu", ""}, ":.eu:"},
		":.eu":               {Name{".eu", ""}, ":.eu:"},
		":.:orders":          {Name{".", "orders"}, "orders"},
		":.a.b:c:d":          {Name{".a.b", "c:d"}, ":.a.b:c:d"},
		":orders":            {Name{".", ":orders"}, ":orders"},
		":*:orders":          {Name{"*", "orders"}, ":*:orders"},
		"":                   {Name{".", ""}, ""},
		":.__GLOBAL:":        {Name{".__GLOBAL", ""}, ":.__GLOBAL:"},
		"a_:.eu:not-context": {Name{".", "a_:.eu:not-context"}, "a_:.eu:not-context"},
	} {
		got := Parse(text)
		if got != want.name || got.String() != want.text {
			t.Errorf("%q is %+v, %q; want %+v, %q", text, got, got, want.name, want.text)
		}
	}
}

func TestReferencesWithoutAContextAreInTheirSchemas(t *testing.T) {
	for _, tc := range [][3]string{
		{":.eu:orders", "customer", ":.eu:customer"},
		{":.eu:orders", ":.us:customer", ":.us:customer"},
		{"orders", "customer", "customer"},
		{"orders", ":.us:customer", ":.us:customer"},
	} {
		if got := Parse(tc[0]).Within(tc[1]).String(); got != tc[2] {
			t.Errorf("%s in %s is %s, want %s", tc[1], tc[0], got, tc[2])
		}
	}
}

func TestWhatNoSubjectIsCalledIsRefused(t *testing.T) {
	for _, text := range []string{"a\nb", "__GLOBAL", ":.eu:__EMPTY", ":.__GLOBAL:a", "\x7f"} {
		if Check(text, false) == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for _, text := range []string{"orders-value", ":.eu:a b", "Größe/1", ""} {
		if err := Check(text, false); err != nil {
			t.Error(err)
		}
	}
	if err := Check(":.__GLOBAL:", true); err != nil {
		t.Error(err)
	}
}

func TestContextsAreReadInAllTheirForms(t *testing.T) {
	for text, want := range map[string]string{".eu": ":.eu:", "eu": ":.eu:", ":.eu:": ":.eu:", ".": "", "": ""} {
		if got, err := Context(text); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := Context(".eu:orders"); err == nil {
		t.Error("a context with a colon is taken")
	}
}

func TestAContextCoversItsSubjects(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {":.eu:", ":.eu:a", true}, {":.eu:", "a", false},
		{"", "a", true}, {"", ":.eu:a", false}, {":.__GLOBAL:", ":.eu:a", true}, {":.__GLOBAL:", "a", true},
	} {
		if got := Parse(tc.a).Covers(Parse(tc.b)); got != tc.want {
			t.Errorf("%q covers %q: %v", tc.a, tc.b, got)
		}
	}
}

func TestPrefixesMatchInContexts(t *testing.T) {
	for _, tc := range []struct {
		prefix, name string
		want         bool
	}{
		{":*:", ":.eu:a", true}, {":*:", "a", true}, {":*:or", ":.eu:orders", true}, {":*:or", "a", false},
		{"", "a", true}, {"", ":.eu:a", false}, {"or", "orders", true}, {"or", ":.eu:orders", false},
		{":.eu:", ":.eu:a", true}, {":.eu:", "a", false}, {":.eu:or", ":.eu:orders", true}, {":.eu:or", ":.eu:a", false},
		{":.e", ":.eu:a", true}, {":.e", ":.us:a", false}, {":.", ":.us:a", true}, {":.", "a", false},
	} {
		if got := Matcher(tc.prefix)(Parse(tc.name)); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.prefix, tc.name, got)
		}
	}
}
