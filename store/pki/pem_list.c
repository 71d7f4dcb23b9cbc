#include "store/pki/pem_list.h"
#include <limits.h>
#include <string.h>
#include <openssl/pem.h>
#include "store/pki/ossl.h"

#define DER_SEQUENCE 0x30

/* What PEM_read_bio gave. */
struct block {
	char *name, *header;
	unsigned char *bytes;
	long n;
};

static void block_free(struct block *self)
{
	OPENSSL_free(self->name);
	OPENSSL_free(self->header);
	OPENSSL_clear_free(self->bytes, self->n > 0 ? (size_t)self->n : 0);
}

static bool is_certificate(const char *label)
{
	return strcmp(label, PEM_STRING_X509) == 0 || strcmp(label, PEM_STRING_X509_OLD) == 0;
}

static enum cs_err next(BIO *bio, pem_list_fn *fn, void *data, bool *end)
{
	CS_AUTO(block_free) struct block b = { 0 };

	if (PEM_read_bio(bio, &b.name, &b.header, &b.bytes, &b.n) != 1) {
		*end = true;
		return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? CS_OK
		                                                                    : CS_EMALFORMED;
	}
	if (strstr(b.name, "PRIVATE KEY") != NULL)
		return CS_EREFUSED;
	return is_certificate(b.name) ? fn(data, (struct cs_bytes){ b.bytes, (size_t)b.n }) : CS_OK;
}

enum cs_err pem_list(struct cs_bytes text, pem_list_fn *fn, void *data)
{
	enum cs_err rc = CS_OK;
	bool end = false;

	if (text.n == 0)
		return CS_OK;
	if (text.n > INT_MAX)
		return CS_ETOOBIG;
	if (text.p[0] == DER_SEQUENCE && memmem(text.p, text.n, "-----BEGIN ", 11) == NULL)
		return fn(data, text);
	CS_AUTO(ossl_bio_free) BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	if (bio == NULL)
		return CS_ENOMEM;
	ERR_set_mark();
	for (size_t i = 0; rc == CS_OK && !end; i++)
		rc = i <= PEM_LIST_MAX ? next(bio, fn, data, &end) : CS_ETOOBIG;
	ERR_pop_to_mark();
	return rc;
}
