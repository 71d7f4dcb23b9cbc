#include "store/pki/trust_store.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/x509.h>
#include "proto/base/log.h"
#include "store/pki/pem_list.h"

#define TRUST_FILE "/etc/ssl/certs/ca-certificates.crt" /* Debian's */
#define TRUST_MAX (16u << 20)

static enum cs_err add_root(void *data, struct cs_bytes der)
{
	const enum cs_err rc = path_pool_add(data, der, true);

	return rc == CS_ENOMEM ? rc : CS_OK; /* what we cannot read is no root for us */
}

static enum cs_err read_all(int fd, size_t size, struct cs_buf *out)
{
	CS_TRY(cs_buf_reserve(out, size));
	while (out->n < size) {
		const ssize_t n = read(fd, out->p + out->n, size - out->n);
		if (n < 0)
			return CS_EIO;
		if (n == 0)
			return CS_OK;
		out->n += (size_t)n;
	}
	return CS_OK;
}

static enum cs_err load(int fd, const struct stat *st, struct path_pool **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(TRUST_MAX);
	CS_AUTO(path_pool_free) struct path_pool *pool = NULL;

	if (!S_ISREG(st->st_mode) || st->st_size < 0 || (uint64_t)st->st_size > TRUST_MAX)
		return CS_EMALFORMED;
	CS_TRY(path_pool_new(&pool));
	CS_TRY(read_all(fd, (size_t)st->st_size, &text));
	CS_TRY(pem_list(cs_buf_view(&text), add_root, pool));
	*out = CS_STEAL(pool);
	return CS_OK;
}

static bool changed(const struct trust_store *self, const struct stat *st)
{
	return self->roots == NULL || st->st_mtim.tv_sec != self->at.tv_sec ||
	       st->st_mtim.tv_nsec != self->at.tv_nsec;
}

static const char *system_file(void)
{
	const char *asked = getenv(X509_get_default_cert_file_env());

	return asked != NULL ? asked : TRUST_FILE;
}

enum cs_err trust_store_read(struct trust_store *self, const char *path)
{
	const char *file = path != NULL ? path : system_file();
	struct path_pool *pool = NULL;
	enum cs_err rc = CS_OK;
	struct stat st;

	const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0 && changed(self, &st))
		rc = load(fd, &st, &pool);
	if (fd >= 0)
		close(fd);
	if (rc == CS_ENOMEM)
		return rc;
	if (rc != CS_OK)
		cs_warning(
		        "trust store %s: %s; the roots known so far count", file, cs_err_text(rc));
	if (pool != NULL) {
		path_pool_free(&self->roots);
		self->roots = pool;
		self->at = st.st_mtim;
	}
	return self->roots != NULL ? CS_OK : path_pool_new(&self->roots);
}

void trust_store_free(struct trust_store *self)
{
	path_pool_free(&self->roots);
}

enum pki_trust trust_store_judge(
        const struct path_pool *system, const struct pki_cert *leaf, const struct path *way)
{
	CS_AUTO(pki_cert_free) struct pki_cert *root = NULL;

	if (leaf->self_signed)
		return PKI_TRUST_PRIVATE;
	if (path_pool_count(system) == 0 || !way->complete || way->count == 0 ||
	        pki_cert_read(way->certs[way->count - 1], &root) != CS_OK)
		return PKI_TRUST_UNKNOWN;
	return path_pool_has(system, root->sha256) ? PKI_TRUST_PUBLIC : PKI_TRUST_PRIVATE;
}
