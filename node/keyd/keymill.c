#include "node/keyd/keymill.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include "node/sandbox/seccomp.h"
#include "proto/base/log.h"

#define STACK_BYTES (512u << 10)

struct order {
	uint64_t ticket;
	const struct pki_keyspec *spec;
	EVP_PKEY *key;
};

struct keymill {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct order orders[KEYMILL_ORDERS_MAX]; /* [0, ready) are made, [ready, count) wait */
	size_t ready, count;
	int done; /* eventfd */
	atomic_bool stopping;
};

/* Asked by OpenSSL between two candidates for a prime. */
static int go_on(EVP_PKEY_CTX *ctx)
{
	const struct keymill *self = EVP_PKEY_CTX_get_app_data(ctx);

	return !self->stopping;
}

static EVP_PKEY *make(struct keymill *self, const struct pki_keyspec *spec)
{
	const bool rsa = spec->kind == PKI_KEY_RSA;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL)
		return NULL;
	EVP_PKEY_CTX_set_app_data(ctx, self);
	EVP_PKEY_CTX_set_cb(ctx, go_on);
	bool ok = EVP_PKEY_keygen_init(ctx) == 1;
	if (ok && rsa)
		ok = EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)spec->bits) == 1;
	else if (ok)
		ok = EVP_PKEY_CTX_set_group_name(ctx, spec->name) == 1;
	if (!ok || EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

static void ring(struct keymill *self)
{
	const uint64_t one = 1;

	if (write(self->done, &one, sizeof(one)) != (ssize_t)sizeof(one))
		cs_warning("a new key is ready, but nobody could be told");
}

static void *run(void *data)
{
	struct keymill *self = data;
	const enum cs_err rc = sandbox_seccomp(SANDBOX_PLAIN);

	if (rc != CS_OK)
		cs_warning("seccomp is not active where keys are made: %s", cs_err_text(rc));
	pthread_mutex_lock(&self->lock);
	while (!self->stopping) {
		if (self->ready == self->count) {
			pthread_cond_wait(&self->changed, &self->lock);
			continue;
		}
		const struct pki_keyspec *spec = self->orders[self->ready].spec;
		pthread_mutex_unlock(&self->lock);
		EVP_PKEY *key = make(self, spec);
		pthread_mutex_lock(&self->lock);
		self->orders[self->ready++].key = key;
		ring(self);
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

static int launch(struct keymill *self)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	const int rc = pthread_create(&self->thread, &attr, run, self);
	pthread_attr_destroy(&attr);
	return rc;
}

enum cs_err keymill_new(struct keymill **out)
{
	struct keymill *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->changed, NULL);
	self->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (self->done < 0 || launch(self) != 0) {
		if (self->done >= 0)
			close(self->done);
		free(self);
		return CS_ENOMEM;
	}
	*out = self;
	return CS_OK;
}

int keymill_fd(const struct keymill *self)
{
	return self->done;
}

enum cs_err keymill_order(struct keymill *self, uint64_t ticket, const struct pki_keyspec *spec)
{
	pthread_mutex_lock(&self->lock);
	const bool room = self->count < KEYMILL_ORDERS_MAX;
	if (room)
		self->orders[self->count++] = (struct order){ ticket, spec, NULL };
	pthread_cond_signal(&self->changed);
	pthread_mutex_unlock(&self->lock);
	return room ? CS_OK : CS_EAGAIN;
}

bool keymill_take(struct keymill *self, uint64_t *ticket, EVP_PKEY **key)
{
	uint64_t count;

	if (read(self->done, &count, sizeof(count)) < 0)
		count = 0; /* nothing new since the last look */
	pthread_mutex_lock(&self->lock);
	const bool any = self->ready > 0;
	if (any) {
		*ticket = self->orders[0].ticket;
		*key = self->orders[0].key;
		self->ready--;
		self->count--;
		memmove(self->orders, self->orders + 1, self->count * sizeof(self->orders[0]));
	}
	pthread_mutex_unlock(&self->lock);
	return any;
}

void keymill_free(struct keymill **self)
{
	struct keymill *mill = CS_STEAL(*self);

	if (mill == NULL)
		return;
	mill->stopping = true;
	pthread_mutex_lock(&mill->lock);
	pthread_cond_signal(&mill->changed);
	pthread_mutex_unlock(&mill->lock);
	pthread_join(mill->thread, NULL);
	for (size_t i = 0; i < mill->ready; i++)
		EVP_PKEY_free(mill->orders[i].key);
	close(mill->done);
	pthread_mutex_destroy(&mill->lock);
	pthread_cond_destroy(&mill->changed);
	free(mill);
}
