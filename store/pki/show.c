#include "store/pki/show.h"
#include <stdio.h>
#include <string.h>
#include "proto/base/text.h"

/* U+200B to 200F, 2028 to 202E, 2060 to 206F and FEFF: zero width, line ends, direction. */
static bool invisible(const unsigned char *s)
{
	if (s[0] == 0xef)
		return s[1] == 0xbb && s[2] == 0xbf;
	if (s[0] != 0xe2)
		return false;
	if (s[1] == 0x80)
		return (s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae);
	return s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf;
}

bool pki_show_harmless(const char *text)
{
	if (!cs_text_ok(text, strlen(text)))
		return false;
	for (const unsigned char *s = (const unsigned char *)text; *s != '\0'; s++)
		if (invisible(s))
			return false;
	return true;
}

static char *escaped(struct cs_arena *arena, struct cs_bytes bytes, size_t max)
{
	char *out = cs_arena_take(arena, max + 1);
	size_t n = 0;

	for (size_t i = 0; out != NULL && i < bytes.n; i++) {
		const uint8_t c = bytes.p[i];
		const bool plain = c >= 0x20 && c < 0x7f && c != '\\';
		if (n + (plain ? 1 : 4) > max)
			break;
		n += (size_t)snprintf(out + n, max + 1 - n, plain ? "%c" : "\\x%02x", c);
	}
	return out;
}

char *pki_show_bytes(struct cs_arena *arena, struct cs_bytes bytes, size_t max)
{
	const size_t room = 4 * bytes.n < max ? 4 * bytes.n : max;

	if (bytes.n > max || (bytes.n > 0 && memchr(bytes.p, '\0', bytes.n) != NULL))
		return escaped(arena, bytes, room);
	char *text = cs_arena_text(arena, (const char *)bytes.p, bytes.n);
	if (text == NULL || pki_show_harmless(text))
		return text;
	return escaped(arena, bytes, room);
}
