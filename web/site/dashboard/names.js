// How names of pages, and whatever else strangers have written, are shown. A name may
// hold characters that are not seen and change how what follows is read: they turn its
// direction, take no place, or break the line. Each is shown as its number, so that two
// names that differ look different and none reads backwards. What joins letters and
// emoji (U+200C, U+200D) stays.
'use strict';

const visibleName = (() => {
  // Controls of direction; what has no width; separators of lines; the byte order mark
  // and what is not assigned to be seen; variation and tag characters.
  const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;
  const number = (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
  return (name) => String(name).replace(unseen, number);
})();
