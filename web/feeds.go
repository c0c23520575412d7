package web

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pageheat/codec"
)

// For sites and readers without script, a board is also served as an Atom feed (RFC 4287), as
// an RSS 2.0 feed, and as an HTML list. In a feed a page is one entry for as long as it is on
// the board. The entry's identity is the page, so that a feed reader reports a page once.

const (
	atomType = "application/atom+xml; charset=utf-8"
	rssType  = "application/rss+xml; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
)

// feedMinutes is the interval in minutes at which readers of feeds are asked to come again.
const feedMinutes = 5

// listRefresh is the interval in seconds at which a browser loads the HTML list again.
const listRefresh = 60

// atomFeed is an Atom feed: https://www.rfc-editor.org/rfc/rfc4287.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Self    atomLink    `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	ID      string    `xml:"id"`
	Title   string    `xml:"title"`
	Updated string    `xml:"updated"`
	Link    *atomLink `xml:"link"`
	Content atomText  `xml:"content"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// rssFeed is an RSS feed: https://www.rssboard.org/rss-specification.
type rssFeed struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string    `xml:"title"`
	Link        string    `xml:"link"`
	Description string    `xml:"description"`
	Updated     string    `xml:"lastBuildDate"`
	TTL         int       `xml:"ttl"`
	Items       []rssItem `xml:"item"`
}

type rssItem struct {
	Title       string  `xml:"title"`
	Link        string  `xml:"link,omitempty"`
	Description string  `xml:"description"`
	GUID        rssGUID `xml:"guid"`
	Published   string  `xml:"pubDate"`
}

type rssGUID struct {
	IsPermaLink bool   `xml:"isPermaLink,attr"`
	ID          string `xml:",chardata"`
}

// feedOf returns a handler that serves a board in the form that write makes of it.
func (s *service) feedOf(contentType string, write func(w io.Writer, b *codec.Board) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := boardKey(r)
		newest, ok := s.Serve.Boards.Newest(key)
		if !ok {
			s.noBoard(w, key)
			return
		}
		var form bytes.Buffer
		board, err := codec.DecodeBoard(newest.Value)
		if err == nil {
			err = write(&form, board)
		}
		if err != nil {
			s.Logger.Error("a published board cannot be shown", "board", key, "version", newest.Version, "error", err)
			Refuse(w, http.StatusInternalServerError, "The published board cannot be shown. The log of this instance has the reason.")
			return
		}
		serveVersion(w, r, newest, contentType, form.Bytes())
	}
}

func (s *service) atom(w io.Writer, b *codec.Board) error {
	feed := atomFeed{ID: boardURN(b.Board), Title: boardTitle(b), Updated: b.UpdatedAt.UTC().Format(time.RFC3339),
		Author: "pageheat", Self: atomLink{"self", atomSelf(b.Board)}}
	for i := range b.Pages {
		p := &b.Pages[i]
		entry := atomEntry{ID: pageURN(b.Board, p.Page), Title: cmp.Or(p.Title, p.Page), Updated: p.RankSince.UTC().Format(time.RFC3339),
			Content: atomText{"text", summary(p)}}
		if link := s.Serve.PageLink.Of(p); link != "" {
			entry.Link = &atomLink{"alternate", link}
		}
		feed.Entries = append(feed.Entries, entry)
	}
	return writeXML(w, feed)
}

// atomSelf returns the address of a feed, relative to itself.
func atomSelf(key string) string {
	path := boardPath(key, "feed.atom")
	return path[strings.LastIndex(path, "/")+1:]
}

func (s *service) rss(w io.Writer, b *codec.Board) error {
	channel := rssChannel{Title: boardTitle(b), Link: cmp.Or(s.Serve.PageLink.Site(), boardURN(b.Board)), Description: "The hottest pages of the site.",
		Updated: b.UpdatedAt.UTC().Format(time.RFC1123Z), TTL: feedMinutes}
	for i := range b.Pages {
		p := &b.Pages[i]
		channel.Items = append(channel.Items, rssItem{Title: cmp.Or(p.Title, p.Page), Link: s.Serve.PageLink.Of(p), Description: summary(p),
			GUID: rssGUID{ID: pageURN(b.Board, p.Page)}, Published: p.RankSince.UTC().Format(time.RFC1123Z)})
	}
	return writeXML(w, rssFeed{Version: "2.0", Channel: channel})
}

func writeXML(w io.Writer, document any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing a feed: %w", err)
	}
	if err := xml.NewEncoder(w).Encode(document); err != nil {
		return fmt.Errorf("writing a feed: %w", err)
	}
	return nil
}

//go:embed list.html
var listText string

// listItem is a page on the HTML list.
type listItem struct {
	codec.BoardPage
	// Link is the address of the page, empty for none.
	Link string
}

// newList reads the template of the HTML list.
func newList() (*template.Template, error) {
	list, err := template.New("list.html").Parse(listText)
	if err != nil {
		return nil, fmt.Errorf("reading the template of the HTML list: %w", err)
	}
	return list, nil
}

// framed lets sites whose pages may read boards show an answer in a frame.
func (s *service) framed(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors "+s.Origins.frames())
		w.Header().Del("X-Frame-Options")
		serve(w, r)
	}
}

func (s *service) html(w io.Writer, b *codec.Board) error {
	asOf := b.UpdatedAt
	if !b.AsOf.IsZero() {
		asOf = b.AsOf
	}
	shown := struct {
		Title, AsOf string
		Refresh     int
		Pages       []listItem
	}{boardTitle(b), asOf.UTC().Format(time.RFC3339), listRefresh, make([]listItem, len(b.Pages))}
	if b.Final {
		shown.Refresh = 0 // it does not change any more
	}
	for i := range b.Pages {
		shown.Pages[i] = listItem{b.Pages[i], s.Serve.PageLink.Of(&b.Pages[i])}
	}
	if err := s.listTemplate.Execute(w, shown); err != nil {
		return fmt.Errorf("writing a list: %w", err)
	}
	return nil
}

// summary describes a page on a board in one line of text.
func summary(p *codec.BoardPage) string {
	return fmt.Sprintf("Rank %d with a heat of %s: %s clicks, %s minutes, %s likes.", p.Rank, p.Heat, p.Clicks, p.Minutes, p.Likes)
}

// boardURN and pageURN are permanent identities of a board and of a page on it. They are the
// same on every instance.
func boardURN(board string) string      { return "urn:pageheat:" + url.PathEscape(board) }
func pageURN(board, page string) string { return boardURN(board) + ":" + url.PathEscape(page) }
