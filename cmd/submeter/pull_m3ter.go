package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/m3ter"
)

// m3terPull is what the flags of pull m3ter say.
type m3terPull struct {
	*pull
	baseURL, organization string
	accounts, meters      []string
	aggregate, groupBy    []string
	export                bool
	span
}

func (p *pull) m3terCommand() *cobra.Command {
	m := &m3terPull{pull: p}
	cmd := &cobra.Command{
		Use:   "m3ter",
		Short: "Measurements, or what they aggregate to",
		Long: `Fetch measurements, or with --aggregate what they come to, by account, time or dimension.

A query answers at most 20000 rows and fails when there are more; with --export an export job is run instead, which has
all of them and takes longer. The key comes from M3TER_API_KEY and M3TER_API_SECRET, or a token from M3TER_API_TOKEN.`,
		Example: `  submeter pull m3ter --from 2026-03-01 --to 2026-04-01 --aggregate SUM:data_transfer.gb_out --group-by account,day
  submeter pull m3ter --from 2026-03-01 --to 2026-04-01 --meter data_transfer --export -o csv --out march.csv
  submeter pull m3ter operational accounts -o jsonl`,
		Args: cobra.NoArgs,
		RunE: p.job(m.pullUsage),
	}
	shared := cmd.PersistentFlags()
	envFlag(shared, &m.baseURL, "base-url", "M3TER_BASE_URL", m3ter.DefaultBaseURL, "base `URL`")
	envFlag(shared, &m.organization, "org", "M3TER_ORG_ID", "", "`id` of the organization")
	addSpanFlags(cmd, &m.span)
	flags := cmd.Flags()
	flags.StringSliceVar(&m.accounts, "account", nil, "only these accounts, by `id` or code (default: all)")
	flags.StringSliceVar(&m.meters, "meter", nil, "only these meters, by `id` or code (default: all)")
	flags.StringArrayVar(&m.aggregate, "aggregate", nil, "aggregate a field, as `FUNCTION:METER.FIELD`; may be repeated")
	flags.StringSliceVar(&m.groupBy, "group-by", nil, "aggregate by these `groups`: account, hour, day, week, month, quarter, METER.FIELD")
	flags.BoolVar(&m.export, "export", false, "run an export job instead of a query")

	cmd.AddCommand(&cobra.Command{
		Use:   "operational TYPE",
		Short: "Everything of one type, such as accounts, by an export job",
		Example: `  submeter pull m3ter operational meters
  submeter pull m3ter operational bill-line-items -o csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.job(func(ctx context.Context) error { return m.pullOperational(ctx, args[0]) })(cmd, args)
		},
	})
	return cmd
}

func (m *m3terPull) connect() (*m3ter.Client, error) {
	if m.organization == "" {
		return nil, usageError{errors.New("no organization: set M3TER_ORG_ID or --org")}
	}
	credentials := m3ter.Credentials{
		AccessKeyID: m.secret("M3TER_API_KEY"), APISecret: m.secret("M3TER_API_SECRET"), Token: m.secret("M3TER_API_TOKEN"),
	}
	switch {
	case credentials.Token != "":
		credentials = m3ter.Credentials{Token: credentials.Token}
	case credentials.AccessKeyID == "" || credentials.APISecret == "":
		return nil, usageError{errors.New("set either M3TER_API_KEY and M3TER_API_SECRET, or M3TER_API_TOKEN")}
	}
	client, err := m3ter.New(m.baseURL, m.organization, credentials, m3ter.WithProgress(func(now m3ter.Progress) {
		if now.Stage == m3ter.Downloading {
			m.told.say("export job %s: %d bytes", now.Job.ID, now.Bytes)
			return
		}
		m.told.say("export job %s is %s", now.Job.ID, now.Job.Status)
	}))
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

func (m *m3terPull) pullUsage(ctx context.Context) error {
	if err := m.check(); err != nil {
		return err
	}
	client, err := m.connect()
	if err != nil {
		return err
	}
	query, err := m.query(ctx, client)
	if err != nil {
		return err
	}
	if m.export {
		return m.pullExport(ctx, client, m3ter.ExportRequest{
			SourceType: m3ter.SourceUSAGE, StartDate: query.StartDate, EndDate: query.EndDate, AccountIds: query.AccountIds,
			MeterIds: query.MeterIds, Aggregations: query.Aggregations, Groups: query.Groups,
		})
	}
	var rows []m3ter.Row // at most 20000: the columns are known when all of them are
	var header []string
	for row, err := range client.Usage(ctx, query) {
		if errors.Is(err, m3ter.ErrTruncated) {
			return fmt.Errorf("%w; take a shorter range, or --export", err)
		}
		if err != nil {
			return err
		}
		rows = append(rows, row)
		for _, name := range row.Columns() {
			if !slices.Contains(header, name) {
				header = append(header, name)
			}
		}
	}
	return m.writeRows(header, func(yield func(m3ter.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	})
}

// pullExport writes the rows of an export's only file.
func (m *m3terPull) pullExport(ctx context.Context, client *m3ter.Client, request m3ter.ExportRequest) error {
	request.ExportFileFormat = m3ter.FileFormatCSV // in which all rows have all columns
	if m.format.value == "jsonl" {
		request.ExportFileFormat = m3ter.FileFormatJSONL
	}
	export, err := client.Export(ctx, request)
	if failed := (*m3ter.JobError)(nil); errors.As(err, &failed) {
		return codedError{err, exitJobFailed}
	}
	if err != nil {
		return err
	}
	defer func() { _ = export.Close() }()
	if len(export.Files()) != 1 {
		return fmt.Errorf("export job %s has %d files, want 1", export.Job.ID, len(export.Files()))
	}
	var header []string
	if request.ExportFileFormat == m3ter.FileFormatCSV {
		if header, err = readHeader(export.Files()[0]); err != nil {
			return err
		}
	}
	return m.writeRows(header, export.Rows())
}

// readHeader reads the columns of a CSV file, which it has without rows, too.
func readHeader(f m3ter.ExportFile) ([]string, error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	header, err := csv.NewReader(file).Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return header, nil
}

func (m *m3terPull) pullOperational(ctx context.Context, name string) error {
	kind := m3ter.DataType(strings.ReplaceAll(strings.ToUpper(name), "-", "_"))
	if !kind.Valid() {
		return usageError{fmt.Errorf("%q is no type of operational data, such as accounts, meters or bill-line-items", name)}
	}
	client, err := m.connect()
	if err != nil {
		return err
	}
	return m.pullExport(ctx, client, m3ter.ExportRequest{
		SourceType: m3ter.SourceOPERATIONAL, OperationalDataTypes: []m3ter.DataType{kind},
	})
}

// writeRows writes rows under the header, or in JSON Lines each with the columns it has.
func (m *m3terPull) writeRows(header []string, rows iter.Seq2[m3ter.Row, error]) error {
	return m.write("rows", header, func(yield func(record, error) bool) {
		for row, err := range rows {
			r := record{columns: header}
			if m.format.value == "jsonl" {
				r.columns = row.Columns()
			}
			for _, name := range r.columns {
				r.cells = append(r.cells, row.Value(name))
			}
			if !yield(r, err) {
				return
			}
		}
	})
}

// query is what the flags ask for, with ids in place of codes.
func (m *m3terPull) query(ctx context.Context, client *m3ter.Client) (q m3ter.UsageQuery, err error) {
	if len(m.groupBy) > 0 && len(m.aggregate) == 0 {
		return q, usageError{errors.New("--group-by goes with --aggregate")}
	}
	q.StartDate, q.EndDate = m.from, m.to
	for _, name := range m.accounts {
		id := name
		if uuid.Validate(name) != nil {
			account, err := first(client.Accounts(ctx, m3ter.ListAccountsParams{Codes: m3ter.Codes{name}}))
			if errors.Is(err, errNone) {
				return q, fmt.Errorf("no account has the code %q", name)
			}
			if err != nil {
				return q, err
			}
			id = account.ID
		}
		q.AccountIds = append(q.AccountIds, id)
	}
	for _, name := range m.meters {
		meter, err := findMeter(ctx, client, name)
		if err != nil {
			return q, err
		}
		q.MeterIds = append(q.MeterIds, meter.ID)
	}
	for _, text := range m.aggregate {
		a, err := parseAggregation(ctx, client, text)
		if err != nil {
			return q, err
		}
		q.Aggregations = append(q.Aggregations, a)
	}
	for _, text := range m.groupBy {
		g, err := parseGroup(ctx, client, text)
		if err != nil {
			return q, err
		}
		q.Groups = append(q.Groups, g)
	}
	return q, nil
}

func findMeter(ctx context.Context, client *m3ter.Client, name string) (m3ter.Meter, error) {
	if uuid.Validate(name) == nil {
		return client.Meter(ctx, name)
	}
	meter, err := first(client.Meters(ctx, m3ter.ListMetersParams{Codes: m3ter.Codes{name}}))
	if errors.Is(err, errNone) {
		return meter, fmt.Errorf("no meter has the code %q", name)
	}
	return meter, err
}

// findField reads METER.FIELD. The code of a meter may have dots, that of a field has none.
func findField(ctx context.Context, client *m3ter.Client, text string) (m3ter.Meter, string, error) {
	dot := strings.LastIndex(text, ".")
	if dot < 1 || dot == len(text)-1 {
		return m3ter.Meter{}, "", usageError{fmt.Errorf("%q is not a meter and its field, such as data_transfer.gb_out", text)}
	}
	meter, err := findMeter(ctx, client, text[:dot])
	return meter, text[dot+1:], err
}

func parseAggregation(ctx context.Context, client *m3ter.Client, text string) (m3ter.Aggregation, error) {
	name, of, _ := strings.Cut(text, ":")
	function := m3ter.Function(strings.ToUpper(name))
	if !function.Valid() {
		return m3ter.Aggregation{}, usageError{fmt.Errorf("%q is not a function and a field, such as SUM:data_transfer.gb_out", text)}
	}
	meter, field, err := findField(ctx, client, of)
	if err != nil {
		return m3ter.Aggregation{}, err
	}
	a := m3ter.Aggregation{MeterID: meter.ID, FieldCode: field, FieldType: m3ter.FieldTypeMEASURE, Function: function}
	if dimensions(meter)[field] {
		a.FieldType = m3ter.FieldTypeDIMENSION
	}
	return a, nil
}

// dimensions are the fields of a meter that hold text.
func dimensions(meter m3ter.Meter) map[string]bool {
	is := map[string]bool{}
	text := func(category string) bool { return !slices.Contains([]string{"MEASURE", "INCOME", "COST"}, category) }
	for _, f := range meter.DataFields {
		is[f.Code] = text(string(f.Category))
	}
	for _, f := range meter.DerivedFields {
		is[f.Code] = text(string(f.Category))
	}
	return is
}

func parseGroup(ctx context.Context, client *m3ter.Client, text string) (m3ter.Group, error) {
	if strings.EqualFold(text, "account") {
		return m3ter.Group{GroupType: m3ter.GroupTypeACCOUNT}, nil
	}
	if frequency := m3ter.Frequency(strings.ToUpper(text)); frequency.Valid() {
		return m3ter.Group{GroupType: m3ter.GroupTypeTIME, Frequency: frequency}, nil
	}
	meter, field, err := findField(ctx, client, text)
	return m3ter.Group{GroupType: m3ter.GroupTypeDIMENSION, MeterID: meter.ID, FieldCode: field}, err
}
