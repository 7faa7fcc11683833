package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/xhit/go-str2duration/v2"

	"github.com/submeter/submeter/clients/cognite"
)

// cognitePull is what the flags of pull cognite say.
type cognitePull struct {
	*pull
	baseURL, project, tokenURL string
	scopes, meters             []string
	every, prefix              string
	span
}

func (p *pull) cogniteCommand() *cobra.Command {
	c := &cognitePull{pull: p}
	cmd := &cobra.Command{
		Use:   "cognite",
		Short: "Averages of meters over time",
		Long: `Fetch the history of meters of a Cognite Data Fusion project: the average of each period, of spans of any length.

Either COGNITE_TOKEN is a token, or COGNITE_CLIENT_ID and COGNITE_CLIENT_SECRET get one from the token URL.`,
		Example: `  submeter pull cognite --from 2026-03-01 --to 2026-03-08 --every 6h
  submeter pull cognite --from 2026-03-01 --to 2026-04-01 --every 1d --meter files.storage_bytes -o jsonl
  submeter pull cognite limits -o csv`,
		Args: cobra.NoArgs,
		RunE: p.job(c.pullHistory),
	}
	shared := cmd.PersistentFlags()
	envFlag(shared, &c.baseURL, "base-url", "COGNITE_BASE_URL", "", "base `URL` of the cluster, such as https://westeurope-1.cognitedata.com")
	envFlag(shared, &c.project, "project", "COGNITE_PROJECT", "", "`project` whose meters they are")
	envFlag(shared, &c.tokenURL, "token-url", "COGNITE_TOKEN_URL", "", "`URL` of the identity provider that gives tokens")
	shared.StringSliceVar(&c.scopes, "scope", nil, "`scopes` to ask the identity provider for")
	shared.StringVar(&c.prefix, "prefix", "", "only ids that begin with this `text`")
	addSpanFlags(cmd, &c.span)
	cmd.Flags().StringVar(&c.every, "every", "1h", "how long a `period` is: 15m, 6h, 1d")
	cmd.Flags().StringSliceVar(&c.meters, "meter", nil, "only these meters, by `id` (default: all)")

	meters := &cobra.Command{
		Use: "meters", Short: "Meters, by id", Example: `  submeter pull cognite meters --prefix atlas.`,
		Args: cobra.NoArgs, RunE: p.job(c.pullMeters),
	}
	limits := &cobra.Command{
		Use: "limits", Short: "What the project may use, by id", Example: `  submeter pull cognite limits -o csv`,
		Args: cobra.NoArgs, RunE: p.job(c.pullLimits),
	}
	cmd.AddCommand(meters, limits)
	return cmd
}

func (c *cognitePull) connect() (*cognite.Client, error) {
	switch {
	case c.baseURL == "":
		return nil, usageError{errors.New("no base URL: set COGNITE_BASE_URL or --base-url")}
	case c.project == "":
		return nil, usageError{errors.New("no project: set COGNITE_PROJECT or --project")}
	}
	credentials := cognite.Credentials{Token: c.secret("COGNITE_TOKEN")}
	if credentials.Token == "" {
		id, err := c.mustSecret("COGNITE_CLIENT_ID")
		if err != nil {
			return nil, usageError{errors.New("set either COGNITE_TOKEN, or COGNITE_CLIENT_ID, COGNITE_CLIENT_SECRET and COGNITE_TOKEN_URL")}
		}
		credentials = cognite.Credentials{
			ClientID: id, ClientSecret: c.secret("COGNITE_CLIENT_SECRET"), TokenURL: c.tokenURL, Scopes: c.scopes,
		}
	}
	client, err := cognite.New(c.baseURL, c.project, credentials)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// reading is one period of a meter.
type reading struct {
	meter string
	point cognite.Datapoint
}

func (c *cognitePull) pullHistory(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	if len(c.meters) > 0 && c.prefix != "" {
		return usageError{errors.New("want either --meter or --prefix")}
	}
	every, err := str2duration.ParseDuration(c.every)
	if err != nil || every < time.Millisecond || every%time.Millisecond != 0 {
		return usageError{errors.New("--every is no duration of whole milliseconds, such as 15m, 6h or 1d")}
	}
	client, err := c.connect()
	if err != nil {
		return err
	}
	ids := c.meters
	if len(ids) == 0 {
		for meter, err := range client.Meters(ctx, c.prefix) {
			if err != nil {
				return err
			}
			ids = append(ids, meter.MeterID)
		}
	}
	readings := func(yield func(reading, error) bool) {
		for meter, err := range client.History(ctx, cognite.Span{From: c.from, To: c.to, Every: every}, ids...) {
			if err != nil {
				yield(reading{}, err)
				return
			}
			for _, point := range meter.Datapoints {
				if !yield(reading{meter.MeterID, point}, nil) {
					return
				}
			}
		}
	}
	return write(c.pull, "datapoints", []column[reading]{
		{"meter_id", func(r reading) any { return r.meter }},
		{"timestamp", func(r reading) any { return time.UnixMilli(r.point.Timestamp).UTC() }},
		{"average", func(r reading) any { return double(r.point.Average) }},
	}, iter.Seq2[reading, error](readings))
}

func (c *cognitePull) pullMeters(ctx context.Context) error {
	client, err := c.connect()
	if err != nil {
		return err
	}
	return write(c.pull, "meters", []column[cognite.Meter]{
		{"meter_id", func(m cognite.Meter) any { return m.MeterID }},
	}, client.Meters(ctx, c.prefix))
}

func (c *cognitePull) pullLimits(ctx context.Context) error {
	client, err := c.connect()
	if err != nil {
		return err
	}
	return write(c.pull, "limits", []column[cognite.Limit]{
		{"limit_id", func(l cognite.Limit) any { return l.LimitID }},
		{"value", func(l cognite.Limit) any { return double(l.Value) }},
	}, client.Limits(ctx, c.prefix))
}

// double writes a float64 as the shortest decimal that is it, and never with an exponent.
func double(v float64) json.Number { return json.Number(strconv.FormatFloat(v, 'f', -1, 64)) }

func whole(v int64) json.Number { return json.Number(strconv.FormatInt(v, 10)) }
