package emulator

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"

	"github.com/submeter/submeter/emulator/internal/m3ter"
	"github.com/submeter/submeter/fixtures"
)

// Option changes how an emulator is made.
type Option func(*config) error

type config struct {
	scenario       *fixtures.Scenario
	seed           uint64
	seedGiven      bool
	data           string
	strict         bool
	maxSandboxes   int
	maxBody        int64
	rateLimits     RateLimitMode
	journalEntries int
	journalBytes   int64
	logger         *slog.Logger
	version        string
	deliver        string
	bucket         *m3ter.BucketService
}

func resolve(opts []Option) (config, error) {
	cfg := config{
		maxSandboxes: 1000, maxBody: 10 << 20, rateLimits: RateLimitsOff,
		journalEntries: 1000, journalBytes: 8 << 20,
		logger: slog.New(slog.DiscardHandler), version: "dev",
	}
	for _, opt := range opts {
		if err := opt(&cfg); err != nil {
			return cfg, err
		}
	}
	if cfg.scenario == nil {
		s, err := loadScenario("default")
		if err != nil {
			return cfg, err
		}
		cfg.scenario = s
	}
	if !cfg.seedGiven {
		cfg.seed = cfg.scenario.Seed
	}
	return cfg, nil
}

// WithScenario seeds the baseline from a built-in scenario or from a file: "default", "empty", "./world.yaml".
func WithScenario(nameOrPath string) Option {
	return func(c *config) error {
		s, err := loadScenario(nameOrPath)
		if err != nil {
			return fmt.Errorf("scenario %s: %w", nameOrPath, err)
		}
		c.scenario = s
		return nil
	}
}

// WithWorld seeds the baseline from a scenario made in code. It is checked, and gets its defaults, as if it were read
// from a file.
func WithWorld(s *fixtures.Scenario) Option {
	return func(c *config) error {
		text, err := fixtures.Marshal(s)
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.Name, err)
		}
		c.scenario, err = fixtures.Parse("scenario "+s.Name, text)
		return err
	}
}

// WithSeed makes all ids and all generated data from seed in place of the scenario's own.
func WithSeed(seed uint64) Option {
	return func(c *config) error {
		c.seed, c.seedGiven = seed, true
		return nil
	}
}

// WithData keeps all worlds in a durable file: what was acknowledged survives the process being killed.
func WithData(path string) Option {
	return func(c *config) error {
		c.data = path
		return nil
	}
}

// WithStrict holds responses, too, against the vendors' documents; one that breaks its document becomes a 500 that
// says how.
func WithStrict(strict bool) Option {
	return func(c *config) error {
		c.strict = strict
		return nil
	}
}

// WithMaxSandboxes bounds how many sandboxes are kept; the least recently used idle one goes first. 0: no bound.
func WithMaxSandboxes(n int) Option {
	return func(c *config) error {
		if n < 0 {
			return fmt.Errorf("the limit of sandboxes cannot be %d", n)
		}
		c.maxSandboxes = n
		return nil
	}
}

// WithMaxBody bounds a request's body, in bytes after decompression.
func WithMaxBody(bytes int64) Option {
	return func(c *config) error {
		if bytes <= 0 {
			return fmt.Errorf("the limit of a request's body cannot be %d bytes", bytes)
		}
		c.maxBody = bytes
		return nil
	}
}

// WithRateLimits says what rate limits sandboxes start with: "off" or "vendor".
func WithRateLimits(mode string) Option {
	return func(c *config) error {
		m := RateLimitMode(mode)
		if !slices.Contains([]RateLimitMode{RateLimitsOff, RateLimitsVendor}, m) {
			return fmt.Errorf("rate limits are off or vendor, not %q", mode)
		}
		c.rateLimits = m
		return nil
	}
}

// WithJournal bounds the journal of each sandbox by exchanges and by bytes; 0 of either records nothing.
func WithJournal(entries int, bytes int64) Option {
	return func(c *config) error {
		if entries < 0 || bytes < 0 {
			return fmt.Errorf("the journal cannot hold %d exchanges in %d bytes", entries, bytes)
		}
		c.journalEntries, c.journalBytes = entries, bytes
		return nil
	}
}

// WithLogger sends the log somewhere; without it nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		c.logger = l
		return nil
	}
}

// WithVersion sets the version that Info tells.
func WithVersion(version string) Option {
	return func(c *config) error {
		c.version = version
		return nil
	}
}

// WithDeliver writes the files of m3ter's exports into a folder, one folder in it for each bucket of a destination.
func WithDeliver(dir string) Option {
	return func(c *config) error {
		c.deliver = dir
		return nil
	}
}

// BucketService is an S3-compatible service that stands for the clouds of all destinations.
type BucketService = m3ter.BucketService

// WithBucketService writes the files of m3ter's exports into the buckets of an S3-compatible service.
func WithBucketService(s BucketService) Option {
	return func(c *config) error {
		if u, err := url.Parse(s.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("a bucket service is named by a URL such as http://127.0.0.1:9000, not %q", s.Endpoint)
		}
		c.bucket = &s
		return nil
	}
}
