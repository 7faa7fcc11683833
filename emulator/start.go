package emulator

// TB is what Start needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start makes an emulator that listens on a free port of the loopback interface and is closed when the test ends. It
// is strict: a response that breaks its vendor's document fails the call that got it.
func Start(tb TB, opts ...Option) *Emulator {
	tb.Helper()
	e, err := New(append([]Option{WithStrict(true)}, opts...)...)
	if err != nil {
		tb.Fatalf("submeter: %v", err)
		return nil
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Fatalf("submeter: %v", err)
		}
	})
	if err := e.Listen("127.0.0.1:0"); err != nil {
		tb.Fatalf("submeter: %v", err)
	}
	return e
}
