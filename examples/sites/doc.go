// Package sites has three small web sites with their boards: a forum, a news site and a documentation site.
// Its test visits them with a browser.
package sites
