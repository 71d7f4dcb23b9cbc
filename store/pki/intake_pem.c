#include <string.h>
#include <openssl/pem.h>
#include <sodium.h>
#include "proto/base/limits.h"
#include "store/pki/intake_parts.h"
#include "store/pki/show.h"

#define LABEL_MAX 64

static const char wrong_passphrase[] = "the passphrase is wrong, or the key was changed";
static const char begin_mark[] = "-----BEGIN ", end_mark[] = "-----END ", dashes[] = "-----";

/* One block: the text between its two lines. */
struct block {
	struct cs_bytes label, headers, body;
};

static const uint8_t *find(struct cs_bytes in, const char *text)
{
	return in.n > 0 ? memmem(in.p, in.n, text, strlen(text)) : NULL;
}

/* What follows P in IN, P included. */
static struct cs_bytes from(struct cs_bytes in, const uint8_t *p)
{
	return (struct cs_bytes){ p, (size_t)(in.p + in.n - p) };
}

bool intake_pem_is(struct cs_bytes text)
{
	return find(text, begin_mark) != NULL;
}

/* RFC 1421 headers stand before an empty line; the first has a colon, which base64 has not. */
static void split_headers(struct block *block)
{
	struct cs_bytes body = block->body;
	const uint8_t *line = memchr(body.p, '\n', body.n);

	if (line != NULL && (size_t)(line - body.p) <= 1) { /* the rest of the BEGIN line */
		body = from(body, line + 1);
		line = body.n > 0 ? memchr(body.p, '\n', body.n) : NULL;
	}
	if (line == NULL || memchr(body.p, ':', (size_t)(line - body.p)) == NULL)
		return;
	const uint8_t *lf = find(body, "\n\n"), *crlf = find(body, "\n\r\n");
	const uint8_t *end = lf == NULL || (crlf != NULL && crlf < lf) ? crlf : lf;
	if (end == NULL)
		return;
	block->headers = (struct cs_bytes){ body.p, (size_t)(end + 1 - body.p) };
	block->body = from(body, end + 1);
}

/* The next block of *REST, which moves behind it. CS_ENOTFOUND at the end, CS_EMALFORMED for a
 * block that is cut. */
static enum cs_err next_block(struct cs_bytes *rest, struct block *out)
{
	char end_line[sizeof(end_mark) + LABEL_MAX + sizeof(dashes)];
	const uint8_t *begin = find(*rest, begin_mark);

	if (begin == NULL)
		return CS_ENOTFOUND;
	*rest = from(*rest, begin + strlen(begin_mark));
	const uint8_t *label_end = find(*rest, dashes);
	if (label_end == NULL || label_end - rest->p > LABEL_MAX ||
	        memchr(rest->p, '\n', (size_t)(label_end - rest->p)) != NULL)
		return CS_EMALFORMED;
	*out = (struct block){ .label = { rest->p, (size_t)(label_end - rest->p) } };
	*rest = from(*rest, label_end + strlen(dashes));
	snprintf(end_line, sizeof(end_line), "%s%.*s%s", end_mark, (int)out->label.n,
	        (const char *)out->label.p, dashes);
	const uint8_t *end = find(*rest, end_line), *another = find(*rest, begin_mark);
	if (end == NULL || (another != NULL && another < end))
		return CS_EMALFORMED;
	out->body = (struct cs_bytes){ rest->p, (size_t)(end - rest->p) };
	split_headers(out);
	*rest = from(*rest, end + strlen(end_line));
	return CS_OK;
}

static enum cs_err decode(struct cs_bytes body, struct cs_buf *out)
{
	const char *end = NULL;
	size_t n = 0;

	CS_TRY(cs_buf_reserve(out, body.n / 4 * 3 + 3));
	if (sodium_base642bin(out->p, body.n / 4 * 3 + 3, (const char *)body.p, body.n, " \t\r\n",
	            &n, &end, sodium_base64_VARIANT_ORIGINAL) != 0)
		return CS_EMALFORMED;
	/* libsodium stops at the first byte that is none of base64 */
	if (end != (const char *)body.p + body.n || n == 0)
		return CS_EMALFORMED;
	out->n = n;
	return CS_OK;
}

static int give_passphrase(char *out, int size, int writing, void *arg)
{
	const char *passphrase = arg;
	const size_t n = strlen(passphrase);

	(void)writing;
	if (n > (size_t)size)
		return -1;
	memcpy(out, passphrase, n);
	return (int)n;
}

/* The OpenSSL form of before PKCS#8: "Proc-Type: 4,ENCRYPTED" and "DEK-Info". */
static enum cs_err decrypt_old(
        struct intake_file *file, struct cs_bytes headers, struct cs_buf *der, const char **reason)
{
	EVP_CIPHER_INFO cipher;
	char *copy = cs_arena_text(file->intake->arena, (const char *)headers.p, headers.n);
	long n = (long)der->n;

	if (copy == NULL)
		return CS_ENOMEM;
	if (strstr(copy, "ENCRYPTED") == NULL)
		return CS_OK;
	*reason = "a private key encrypted in a way that is not known here";
	if (PEM_get_EVP_CIPHER_INFO(copy, &cipher) != 1 || cipher.cipher == NULL)
		return CS_EUNSUPPORTED;
	*reason = "the private key needs its passphrase";
	if (file->passphrase == NULL)
		return CS_ENOPASSPHRASE;
	*reason = wrong_passphrase;
	if (PEM_do_header(
	            &cipher, der->p, &n, give_passphrase, (void *)(uintptr_t)file->passphrase) != 1)
		return CS_EPASSPHRASE;
	der->n = (size_t)n;
	return CS_OK;
}

static enum cs_err read_old_key(
        struct intake_file *file, const struct block *block, struct cs_buf *der, int type)
{
	const char *reason = "";
	enum cs_err rc;

	if (!intake_key_room(file, &rc))
		return rc;
	rc = decrypt_old(file, block->headers, der, &reason);
	if (rc != CS_OK)
		return intake_note(file, "private key", rc, reason);
	const uint8_t *p = der->p;
	EVP_PKEY *pkey = d2i_PrivateKey(type, NULL, &p, (long)der->n);
	if (pkey == NULL && block->headers.n > 0) /* the padding fits one wrong passphrase in 256 */
		return intake_note(file, "private key", CS_EPASSPHRASE, wrong_passphrase);
	if (pkey == NULL || p == der->p + der->n)
		return intake_take_key(file, pkey);
	EVP_PKEY_free(pkey);
	return intake_note(
	        file, "private key", CS_ETRAILING, "bytes after the end of the private key");
}

static enum cs_err on_cert(struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	return intake_take_cert(file, cs_buf_view(der));
}

/* OpenSSL's own form: a certificate, then trust settings that only OpenSSL reads. */
static enum cs_err on_trusted(
        struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	const uint8_t *p = der->p, *q = der->p;
	CS_AUTO(ossl_x509_free) X509 *with_trust = d2i_X509_AUX(NULL, &p, (long)der->n);
	CS_AUTO(ossl_x509_free) X509 *alone = d2i_X509(NULL, &q, (long)der->n);

	(void)block;
	if (with_trust == NULL || alone == NULL || p != der->p + der->n)
		return intake_note(file, "certificate", CS_EMALFORMED,
		        "a trusted certificate that does not decode");
	return intake_take_cert(file, (struct cs_bytes){ der->p, (size_t)(q - der->p) });
}

static enum cs_err on_p8(struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	return intake_read_p8(file, cs_buf_view(der));
}

static enum cs_err on_encrypted(
        struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	return intake_read_encrypted_p8(file, cs_buf_view(der));
}

static enum cs_err on_rsa(struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	return read_old_key(file, block, der, EVP_PKEY_RSA);
}

static enum cs_err on_ec(struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	return read_old_key(file, block, der, EVP_PKEY_EC);
}

static enum cs_err on_dsa(struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	return read_old_key(file, block, der, EVP_PKEY_DSA);
}

static enum cs_err on_p7(struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	return intake_read_p7(file, cs_buf_view(der));
}

static enum cs_err on_openssh(
        struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	(void)der;
	return intake_note(file, "private key", CS_EUNSUPPORTED,
	        "a key in the format of OpenSSH; convert it with ssh-keygen -p -m PKCS8");
}

static enum cs_err on_request(
        struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	(void)der;
	return intake_skip(
	        file, "certificate request", CS_EUNSUPPORTED, "a request, not a certificate");
}

static enum cs_err on_parameters(
        struct intake_file *file, const struct block *block, struct cs_buf *der)
{
	(void)block;
	(void)der;
	return intake_skip(file, "parameters", CS_OK, "not needed");
}

static const struct {
	const char *label;
	enum cs_err (*read)(
	        struct intake_file *file, const struct block *block, struct cs_buf *der);
} kinds[] = {
	{ "CERTIFICATE", on_cert },
	{ "X509 CERTIFICATE", on_cert },
	{ "TRUSTED CERTIFICATE", on_trusted },
	{ "PRIVATE KEY", on_p8 },
	{ "ENCRYPTED PRIVATE KEY", on_encrypted },
	{ "RSA PRIVATE KEY", on_rsa },
	{ "EC PRIVATE KEY", on_ec },
	{ "DSA PRIVATE KEY", on_dsa },
	{ "PKCS7", on_p7 },
	{ "CMS", on_p7 },
	{ "OPENSSH PRIVATE KEY", on_openssh },
	{ "CERTIFICATE REQUEST", on_request },
	{ "NEW CERTIFICATE REQUEST", on_request },
	{ "EC PARAMETERS", on_parameters },
	{ "DH PARAMETERS", on_parameters },
};

static enum cs_err read_block(struct intake_file *file, const struct block *block)
{
	struct cs_buf der CS_AUTO(cs_buf_free) = cs_buf_new(CS_UPLOAD_FILE_MAX + 3);
	const char *label = pki_show_bytes(file->intake->arena, block->label, LABEL_MAX);

	if (label == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < CS_COUNT(kinds); i++) {
		if (strcmp(label, kinds[i].label) != 0)
			continue;
		const enum cs_err rc = decode(block->body, &der);
		if (rc != CS_OK)
			return intake_note(
			        file, label, rc, "a PEM block that is not base64, or cut");
		return kinds[i].read(file, block, &der);
	}
	return intake_skip(file, label, CS_EUNSUPPORTED, "neither a certificate nor a private key");
}

enum cs_err intake_read_pem(struct intake_file *file, struct cs_bytes text)
{
	struct cs_bytes rest = text;
	struct block block;
	enum cs_err rc;

	while ((rc = next_block(&rest, &block)) == CS_OK)
		CS_TRY(read_block(file, &block));
	return rc == CS_ENOTFOUND ? CS_OK
	                          : intake_note(file, "PEM block", rc,
	                                    "a PEM block without its END line: the file was cut");
}
