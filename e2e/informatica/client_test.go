// Package informatica drives the emulator with a client that knows only what published clients of the real service do:
// a v2 session in the v3 header, a poll loop, and a reader of the first CSV file that goes by the names of columns.
package informatica

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// client is an extractor such as loaders have, on nothing but the standard library.
type client struct {
	loginURL           string // scheme, host and what precedes /ma
	username, password string
	wait               func(time.Duration) // between two questions

	http    http.Client
	base    string // serverUrl of the login
	session string
}

func newClient(loginURL, username, password string, wait func(time.Duration)) *client {
	return &client{
		loginURL: loginURL, username: username, password: password, wait: wait,
		// No redirect is followed: the command-line tool that covers the platform refuses them.
		http: http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

func (c *client) login() error {
	body, err := json.Marshal(map[string]string{"@type": "login", "username": c.username, "password": c.password})
	if err != nil {
		return err
	}
	res, err := c.http.Post(c.loginURL+"/ma/api/v2/user/login", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var user struct{ ServerURL, IcSessionID, Description string }
	if err := json.NewDecoder(res.Body).Decode(&user); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("login: %s", user.Description)
	}
	if strings.HasSuffix(user.ServerURL, "/") || !strings.Contains(user.ServerURL, "/saas") {
		return fmt.Errorf("login: odd serverUrl %q", user.ServerURL)
	}
	c.base, c.session = user.ServerURL, user.IcSessionID
	return nil
}

// call sends a request and reads the answer; a session that is over is renewed, once.
func (c *client) call(method, path string, body []byte) (status int, answer []byte, err error) {
	for range 2 {
		if c.session == "" {
			if err := c.login(); err != nil {
				return 0, nil, err
			}
		}
		req, err := http.NewRequest(method, c.base+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, err
		}
		req.Header.Set("INFA-SESSION-ID", c.session)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")
		res, err := c.http.Do(req)
		if err != nil {
			return 0, nil, err
		}
		answer, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return 0, nil, err
		}
		status = res.StatusCode
		if status != http.StatusUnauthorized {
			break
		}
		c.session = ""
	}
	return status, answer, nil
}

type status struct {
	JobID, Status, ErrorMessage, StartDate, EndDate, CreateTime, UpdateTime string
}

// The pattern that a Java client maps the dates of a status with: no fraction, no offset.
const javaPattern = "2006-01-02T15:04:05Z"

func (s status) check() error {
	for _, date := range []string{s.StartDate, s.EndDate, s.CreateTime, s.UpdateTime} {
		if _, err := time.Parse(javaPattern, date); err != nil || len(date) != len(javaPattern) {
			return fmt.Errorf("odd date %q", date)
		}
	}
	return nil
}

var errFailed = errors.New("the job did not succeed")

// extract runs one export to its end and returns the rows of the first CSV file.
func (c *client) extract(path string, request map[string]any) ([]map[string]string, error) {
	id, err := c.create(path, request)
	if err != nil {
		return nil, err
	}
	if err := c.await(id); err != nil {
		return nil, err
	}
	code, archive, err := c.call(http.MethodGet, metering+"/ExportMeteringData/"+id+"/download", nil)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK || len(archive) == 0 {
		return nil, fmt.Errorf("download: status %d, %d bytes", code, len(archive))
	}
	return firstCSV(archive)
}

const metering = "/public/core/v3/license/metering"

// create asks up to three times, some seconds apart, whatever was wrong.
func (c *client) create(path string, request map[string]any) (id string, err error) {
	body, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	for range 3 {
		code, answer, callErr := c.call(http.MethodPost, metering+path, body)
		var s status
		switch {
		case callErr != nil:
			err = callErr
		case code < 200 || code > 299:
			err = fmt.Errorf("create: status %d: %s", code, answer)
		default:
			if err := json.Unmarshal(answer, &s); err != nil {
				return "", err
			}
			if s.JobID == "" {
				return "", fmt.Errorf("create: no jobId in %s", answer)
			}
			return s.JobID, s.check()
		}
		c.wait(10 * time.Second)
	}
	return "", err
}

// await asks for the status until it is SUCCESS, ten minutes at most. Anything else that is final is a failure.
func (c *client) await(id string) error {
	for range 200 {
		code, answer, err := c.call(http.MethodGet, metering+"/ExportMeteringData/"+id, nil)
		if err != nil {
			return err
		}
		var s status
		if err := json.Unmarshal(answer, &s); err != nil || code != http.StatusOK {
			return fmt.Errorf("status: %d: %s", code, answer)
		}
		switch {
		case strings.EqualFold(s.Status, "SUCCESS"):
			return s.check()
		case strings.EqualFold(s.Status, "FAILED"), strings.EqualFold(s.Status, "PARTIAL_SUCCESS"):
			return fmt.Errorf("%w: %s: %s", errFailed, s.Status, s.ErrorMessage)
		}
		c.wait(3 * time.Second)
	}
	return errors.New("status: the job does not come to its end")
}

// firstCSV reads the first CSV file of an archive by the names of its columns.
func firstCSV(archive []byte) ([]map[string]string, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	for _, entry := range r.File {
		if !strings.HasSuffix(strings.ToLower(entry.Name), ".csv") {
			continue
		}
		if strings.Contains(entry.Name, "/") {
			return nil, fmt.Errorf("%s lies in a folder that nobody has made", entry.Name)
		}
		file, err := entry.Open()
		if err != nil {
			return nil, err
		}
		records, err := csv.NewReader(file).ReadAll()
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			return nil, nil
		}
		rows := make([]map[string]string, 0, len(records)-1)
		for _, record := range records[1:] {
			row := map[string]string{}
			for i, cell := range record {
				row[records[0][i]] = cell
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	return nil, errors.New("the archive holds no CSV file")
}
