#include "store/pki/hostin.h"
#include <idn2.h>
#include <libpsl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/names.h"

#define WRITTEN_MAX (4 * CS_NAME_MAX)

static void alabel_free(char **text)
{
	idn2_free(*text);
	*text = NULL;
}

static enum cs_err refuse(char *reason, size_t size, const char *name, const char *why)
{
	char shown[128];

	snprintf(reason, size, "%s: %s", cs_show(name, shown, sizeof(shown)), why);
	return CS_EMALFORMED;
}

static bool digits_and_dots(const char *name)
{
	return name[strspn(name, "0123456789.")] == '\0';
}

static enum cs_err check(
        const char *written, const char *name, bool wildcard, char *reason, size_t size)
{
	if (digits_and_dots(name))
		return refuse(reason, size, written, "an address is no host name");
	if (!pki_hostname_ok(name))
		return refuse(reason, size, written, "it is no host name");
	if (wildcard && strchr(name, '.') == NULL)
		return refuse(reason, size, written,
		        "a wildcard stands before at least two labels, as *.example.com");
	if (wildcard && strlen(name) + 2 > CS_NAME_MAX)
		return refuse(reason, size, written, "it is longer than 253 characters");
	return CS_OK;
}

/* Of ASCII nothing but letters, digits, '-' and '.': libidn2 drops some of the rest in silence. */
static bool written_ok(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((uint8_t)*c < 0x80 && *c != '-' && *c != '.' && !(*c >= '0' && *c <= '9') &&
		        !((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z'))
			return false;
	return true;
}

enum cs_err pki_hostin(const char *text, char *out, char *reason, size_t size)
{
	const bool wildcard = strncmp(text, "*.", 2) == 0;
	const char *rest = wildcard ? text + 2 : text;
	CS_AUTO(alabel_free) char *ascii = NULL;

	out[0] = '\0';
	if (!cs_text_ok(text, WRITTEN_MAX) || !written_ok(rest))
		return refuse(reason, size, text, "it is no host name");
	const int rc = idn2_to_ascii_8z(
	        rest, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);
	if (rc == IDN2_MALLOC)
		return CS_ENOMEM;
	if (rc != IDN2_OK)
		return refuse(reason, size, text, idn2_strerror(rc));
	size_t n = strlen(ascii);
	if (n > 0 && ascii[n - 1] == '.')
		ascii[--n] = '\0';
	for (char *c = ascii; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	CS_TRY(check(text, ascii, wildcard, reason, size));
	snprintf(out, CS_NAME_MAX + 1, "%s%s", wildcard ? "*." : "", ascii);
	return CS_OK;
}

enum pki_suffix pki_hostin_suffix(const char *name)
{
	const psl_ctx_t *list = psl_builtin();

	if (strncmp(name, "*.", 2) != 0 || list == NULL)
		return PKI_SUFFIX_NONE;
	name += 2;
	if (psl_is_public_suffix2(list, name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) == 1)
		return PKI_SUFFIX_PUBLIC;
	return psl_is_public_suffix2(list, name, PSL_TYPE_PRIVATE | PSL_TYPE_NO_STAR_RULE) == 1
	               ? PKI_SUFFIX_PRIVATE
	               : PKI_SUFFIX_NONE;
}
