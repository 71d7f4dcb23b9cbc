#include "store/pki/subject.h"
#include <stdio.h>
#include <string.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/ossl.h"
#include "store/pki/show.h"

static const struct field {
	int nid;
	size_t offset, most; /* characters, X.520 upper bounds */
	const char *name;
} fields[] = {
	{ NID_countryName, offsetof(struct pki_subject, country), 2, "country" },
	{ NID_stateOrProvinceName, offsetof(struct pki_subject, state), 128, "state" },
	{ NID_localityName, offsetof(struct pki_subject, locality), 128, "locality" },
	{ NID_organizationName, offsetof(struct pki_subject, organization), 64, "organization" },
	{ NID_organizationalUnitName, offsetof(struct pki_subject, unit), 64, "unit" },
	{ NID_commonName, offsetof(struct pki_subject, common_name), 64, "common name" },
};

static void name_free(X509_NAME **name)
{
	X509_NAME_free(*name);
	*name = NULL;
}

static const char **slot(struct pki_subject *self, const struct field *field)
{
	return (const char **)(void *)((char *)self + field->offset);
}

static const char *value(const struct pki_subject *self, const struct field *field)
{
	return *(const char *const *)(const void *)((const char *)self + field->offset);
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((uint8_t)*text & 0xc0) != 0x80;
	return n;
}

static bool capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* What is wrong with TEXT; NULL: nothing. */
static const char *fault(const struct field *field, const char *text)
{
	const size_t n = strlen(text);

	if (n == 0)
		return NULL;
	if (field->nid == NID_countryName)
		return n == 2 && capital(text[0]) && capital(text[1])
		               ? NULL
		               : "two capital letters of ISO 3166 are wanted, as US or DE";
	if (!cs_text_ok(text, CS_SUBJECT_MAX))
		return n > CS_SUBJECT_MAX ? "it is too long"
		                          : "it is not UTF-8, or has control characters";
	if (!pki_show_harmless(text))
		return "it has invisible or direction-changing characters";
	if (text[0] == ' ' || text[n - 1] == ' ')
		return "it begins or ends with a space";
	return characters(text) > field->most ? "it is too long" : NULL;
}

enum cs_err pki_subject_check(const struct pki_subject *self, char *reason, size_t size)
{
	for (size_t i = 0; i < CS_COUNT(fields); i++) {
		const char *why = fault(&fields[i], value(self, &fields[i]));
		if (why == NULL)
			continue;
		if (strcmp(why, "it is too long") == 0)
			snprintf(reason, size, "%s: at most %zu characters are allowed",
			        fields[i].name, fields[i].most);
		else
			snprintf(reason, size, "%s: %s", fields[i].name, why);
		return CS_EMALFORMED;
	}
	return CS_OK;
}

static enum cs_err add(X509_NAME *name, const struct field *field, const char *text)
{
	const int form = field->nid == NID_countryName ? MBSTRING_ASC : MBSTRING_UTF8;

	if (text[0] == '\0')
		return CS_OK;
	return X509_NAME_add_entry_by_NID(
	               name, field->nid, form, (const uint8_t *)text, -1, -1, 0) == 1
	               ? CS_OK
	               : CS_EMALFORMED;
}

enum cs_err pki_subject_name(const struct pki_subject *self, X509_NAME **out)
{
	CS_AUTO(name_free) X509_NAME *name = X509_NAME_new();

	*out = NULL;
	if (name == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < CS_COUNT(fields); i++)
		CS_TRY(add(name, &fields[i], value(self, &fields[i])));
	*out = CS_STEAL(name);
	return CS_OK;
}

static const struct field *field_of(int nid)
{
	for (size_t i = 0; i < CS_COUNT(fields); i++)
		if (fields[i].nid == nid)
			return &fields[i];
	return NULL;
}

static enum cs_err read_entry(
        const X509_NAME_ENTRY *entry, struct cs_arena *arena, struct pki_subject *out, bool *others)
{
	const struct field *field = field_of(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
	uint8_t *utf8 = NULL;

	if (field == NULL || value(out, field)[0] != '\0') {
		*others = true;
		return CS_OK;
	}
	const int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	const bool whole = n >= 0 && memchr(utf8, '\0', (size_t)n) == NULL;
	const char *text = whole ? cs_arena_text(arena, (const char *)utf8, (size_t)n) : "";
	OPENSSL_free(utf8);
	if (text == NULL)
		return CS_ENOMEM;
	*others = *others || !whole;
	*slot(out, field) = text;
	return CS_OK;
}

enum cs_err pki_subject_read(
        struct cs_bytes der, struct cs_arena *arena, struct pki_subject *out, bool *others)
{
	const uint8_t *p = der.p;
	CS_AUTO(name_free) X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.n);

	*out = (struct pki_subject){ "", "", "", "", "", "" };
	*others = false;
	if (name == NULL || p != der.p + der.n)
		return CS_EMALFORMED;
	for (int i = 0; i < X509_NAME_entry_count(name); i++)
		CS_TRY(read_entry(X509_NAME_get_entry(name, i), arena, out, others));
	return CS_OK;
}
