// Package browser gives tests a real browser, Chromium without a screen, and tabs in
// it that are looked at and left as a person does.
package browser

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

const (
	// within bounds a whole test, on a machine that does much else at the same time.
	within = 3 * time.Minute
	// soon bounds waiting for what must happen; it is only used up by a failure.
	soon = 30 * time.Second
)

// Tab is a tab of a browser that ends with the test. A failure ends the test.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// Open starts a browser with one tab. Without Chromium the test is skipped, see
// kafkatest.Skip.
func Open(t testing.TB) *Tab {
	t.Helper()
	program := kafkatest.NeedTool(t, "chromium", "chromium-browser", "google-chrome")
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// A tab behind another one is hidden, as it is for a person.
		chromedp.Flag("disable-backgrounding-occluded-windows", false),
		chromedp.Flag("disable-renderer-backgrounding", false),
		chromedp.WindowSize(1280, 900),
	)...)
	t.Cleanup(cancel)
	return (&Tab{t, ctx}).tab()
}

func (b *Tab) tab(options ...chromedp.ContextOption) *Tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, options...)
	b.t.Cleanup(cancel)
	return &Tab{b.t, ctx}
}

// Another opens one more tab in the window, so that one hides the other.
func (b *Tab) Another() *Tab { return b.tab(chromedp.WithNewWindow(false)) }

// For is the same tab, empty, for a part of the test: one browser does for many.
func (b *Tab) For(t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{t, b.ctx}
	tab.Go("about:blank")
	return tab
}

// Go goes to an address and returns when the page has loaded.
func (b *Tab) Go(address string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Navigate(address)))
}

// Look brings the tab to the front, and hides the one that was there.
func (b *Tab) Look() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.BringToFront, cdp.Empty{})
	require.NoError(b.t, err)
}

// Size makes the tab's window so large, in CSS pixels.
func (b *Tab) Size(width, height int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	require.NoError(b.t, err)
}

// Scheme has the tab prefer a colour scheme, "light" or "dark".
func (b *Tab) Scheme(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	require.NoError(b.t, err)
}

// Click clicks what a CSS selector names.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(selector))))
}

// Until waits until a JavaScript expression is true. It asks from outside, since a page
// that is hidden may not get to it.
func (b *Tab) Until(condition string) {
	b.t.Helper()
	const every = 20 * time.Millisecond
	for began := time.Now(); ; time.Sleep(every) {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String(Boolean("+condition+"))"))
		if is == "true" && err == nil {
			return
		}
		// A page that is left while it is asked has no answer.
		if err != nil && (!strings.Contains(err.Error(), "navigated or closed") || time.Since(began) > soon) {
			require.NoError(b.t, err, condition)
		}
		if time.Since(began) > soon {
			b.t.Fatalf("%s: not after %s; the page says: %s", condition, soon, b.Text("document.body && document.body.innerText"))
		}
	}
}

// Do runs JavaScript.
func (b *Tab) Do(script string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("(() => {"+script+"})(); true"))
	require.NoError(b.t, err, script)
}

// Text is what an expression gives, as text.
func (b *Tab) Text(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	require.NoError(b.t, err, expression)
	return text
}

// JSON reads what an expression gives.
func (b *Tab) JSON(expression string, into any) {
	b.t.Helper()
	require.NoError(b.t, json.Unmarshal([]byte(b.Text("JSON.stringify("+expression+")")), into))
}

// Watch has everything that goes wrong in the page, what the browser refuses and
// alerts among them, be kept for Wrong. A page that is loaded afterwards begins again.
func (b *Tab) Watch() {
	b.t.Helper()
	b.Do(`window.wrong = [];
		addEventListener('error', (e) => wrong.push(String(e.message)));
		addEventListener('unhandledrejection', (e) => wrong.push(String(e.reason)));
		addEventListener('securitypolicyviolation', (e) => wrong.push(e.violatedDirective + ' ' + e.blockedURI));
		window.alert = () => wrong.push('alert');`)
}

// Wrong is what has gone wrong since Watch. It fails where the page was loaded again
// since.
func (b *Tab) Wrong() (wrong []string) {
	b.t.Helper()
	require.Equal(b.t, "true", b.Text("Array.isArray(window.wrong)"), "the page was loaded again")
	b.JSON("window.wrong", &wrong)
	return wrong
}

// pictures is an environment variable that names a directory for pictures of what
// tests see, for those who want to look too.
const pictures = "PAGEHEAT_TEST_PICTURES"

// Pictures reports whether pictures are asked for.
func Pictures() bool { return os.Getenv(pictures) != "" }

// Keep keeps a picture of what the tab shows, where that is asked for.
func (b *Tab) Keep(name string) {
	b.t.Helper()
	dir := os.Getenv(pictures)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

// Key presses keys, such as "\r" for Enter.
func (b *Tab) Key(keys string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.KeyEvent(keys)))
}
