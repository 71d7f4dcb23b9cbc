#include "node/keyd/secrets.h"
#include <stdio.h>
#include <string.h>
#include <sodium.h>
#include "proto/base/limits.h"

#define SECRET_BYTES 32
#define BOX_BYTES (SECRET_BYTES + crypto_box_SEALBYTES)
#define OBJECT_ARENA (16u << 10)

struct held {
	uint32_t epoch; /* 0: free */
	uint8_t secret[SECRET_BYTES];
};
struct secrets {
	struct keyd_key key;
	bool locked, brought; /* brought: by an admin, so our own keys are not here */
	char node[CS_ID_MAX + 1];
	struct held held[SECRETS_EPOCHS_MAX];
};

enum cs_err secrets_new(const struct keyd_key *key, const char *node, struct secrets **out)
{
	*out = NULL;
	if (sodium_init() < 0)
		return CS_ECRYPTO;
	struct secrets *self = sodium_malloc(sizeof(*self)); /* mlock is best effort there */
	if (self == NULL)
		return CS_ENOMEM;
	*self = (struct secrets){ .key = *key };
	snprintf(self->node, sizeof(self->node), "%s", node);
	*out = self;
	return CS_OK;
}

const uint8_t *secrets_wrap_key(const struct secrets *self)
{
	return self->key.wrap;
}

static struct held *held_of(struct secrets *self, uint32_t epoch)
{
	for (size_t i = 0; i < SECRETS_EPOCHS_MAX; i++)
		if (self->held[i].epoch == epoch)
			return &self->held[i];
	return NULL;
}

/* A free place, or that of the oldest epoch. */
static struct held *place(struct secrets *self)
{
	struct held *oldest = &self->held[0];

	for (size_t i = 0; i < SECRETS_EPOCHS_MAX; i++)
		if (self->held[i].epoch < oldest->epoch)
			oldest = &self->held[i];
	return oldest;
}

static enum cs_err open_box(struct secrets *self, const struct wire_secret *secret)
{
	struct held opened = { .epoch = secret->epoch };

	if (self->brought)
		return CS_ELOCKED;
	if (secret->epoch == 0 || strcmp(secret->node, self->node) != 0 ||
	        secret->box.n != BOX_BYTES ||
	        crypto_box_seal_open(opened.secret, secret->box.p, secret->box.n,
	                self->key.seal_public, self->key.seal_secret) != 0)
		return CS_ECORRUPT;
	struct held *at = place(self);
	if (at->epoch < opened.epoch)
		*at = opened;
	sodium_memzero(&opened, sizeof(opened));
	return CS_OK;
}

static enum cs_err take_object(struct secrets *self, const struct wire_object *object)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_secret secret;

	CS_TRY(cs_arena_new(OBJECT_ARENA, &arena));
	CS_TRY(wire_decode(&wire_secret_type, object->payload, arena, &secret));
	return open_box(self, &secret);
}

enum cs_err secrets_find(
        struct secrets *self, struct state *state, uint32_t epoch, const uint8_t **out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_object object;
	char id[CS_ID_MAX + 16];

	if (self->locked)
		return CS_ELOCKED;
	const struct held *held = epoch != 0 ? held_of(self, epoch) : NULL;
	if (held == NULL) {
		if (state == NULL || epoch == 0)
			return CS_ELOCKED;
		snprintf(id, sizeof(id), "%u.%s", epoch, self->node);
		CS_TRY(cs_arena_new(OBJECT_ARENA, &arena));
		const enum cs_err rc = state_get(state, OBJECT_SECRET, id, arena, &object);
		if (rc != CS_OK)
			return rc == CS_ENOTFOUND ? CS_ELOCKED : rc;
		CS_TRY(take_object(self, &object));
		held = held_of(self, epoch);
	}
	if (held == NULL)
		return CS_ELOCKED;
	*out = held->secret;
	return CS_OK;
}

struct load {
	struct secrets *self;
	enum cs_err worst;
};

/* One bad box must not hide the others. */
static enum cs_err load_one(void *data, const struct wire_object *object)
{
	struct load *load = data;
	unsigned epoch = 0;
	int used = 0;

	if (sscanf(object->id, "%9u.%n", &epoch, &used) != 1 || used == 0 ||
	        strcmp(object->id + used, load->self->node) != 0 || epoch == 0 ||
	        held_of(load->self, epoch) != NULL)
		return CS_OK;
	const enum cs_err rc = take_object(load->self, object);
	if (rc != CS_OK)
		load->worst = rc;
	return CS_OK;
}

enum cs_err secrets_load(struct secrets *self, struct state *state)
{
	struct load load = { self, CS_OK };

	if (self->locked || self->brought)
		return self->locked ? CS_ELOCKED : CS_OK;
	CS_TRY(state_each(state, OBJECT_SECRET, "", load_one, &load));
	return load.worst;
}

uint32_t secrets_newest(const struct secrets *self)
{
	uint32_t newest = 0;

	for (size_t i = 0; i < SECRETS_EPOCHS_MAX; i++)
		if (self->held[i].epoch > newest)
			newest = self->held[i].epoch;
	return newest;
}

enum cs_err secrets_reseal(const struct secrets *self, const char *node, const uint8_t seal_key[32],
        struct cs_arena *arena, const struct wire_secret **out, size_t *count)
{
	struct wire_secret *list = cs_arena_take(arena, SECRETS_EPOCHS_MAX * sizeof(*list));

	*count = 0;
	if (list == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < SECRETS_EPOCHS_MAX; i++) {
		if (self->held[i].epoch == 0)
			continue;
		uint8_t *box = cs_arena_take(arena, BOX_BYTES);
		if (box == NULL)
			return CS_ENOMEM;
		if (crypto_box_seal(box, self->held[i].secret, SECRET_BYTES, seal_key) != 0)
			return CS_ECRYPTO; /* a key of low order */
		list[(*count)++] =
		        (struct wire_secret){ self->held[i].epoch, node, { box, BOX_BYTES } };
	}
	*out = list;
	return *count > 0 ? CS_OK : CS_ELOCKED;
}

size_t secrets_list(const struct secrets *self, struct wire_open_secret *out)
{
	size_t n = 0;

	for (size_t i = 0; i < SECRETS_EPOCHS_MAX; i++)
		if (self->held[i].epoch != 0)
			out[n++] = (struct wire_open_secret){ self->held[i].epoch,
				{ self->held[i].secret, SECRET_BYTES } };
	return n;
}

void secrets_lock(struct secrets *self)
{
	sodium_memzero(self->held, sizeof(self->held));
	sodium_memzero(&self->key, sizeof(self->key));
	self->locked = true;
}

bool secrets_locked(const struct secrets *self)
{
	return self->locked;
}

enum cs_err secrets_unlock(struct secrets *self, const struct wire_open_secret *list, size_t count)
{
	if (count == 0 || count > SECRETS_EPOCHS_MAX)
		return CS_EMALFORMED;
	for (size_t i = 0; i < count; i++)
		if (list[i].epoch == 0 || list[i].secret.n != SECRET_BYTES)
			return CS_EMALFORMED;
	for (size_t i = 0; i < count; i++) {
		self->held[i].epoch = list[i].epoch;
		memcpy(self->held[i].secret, list[i].secret.p, SECRET_BYTES);
	}
	randombytes_buf(self->key.wrap, sizeof(self->key.wrap));
	self->locked = false;
	self->brought = true;
	return CS_OK;
}

void secrets_free(struct secrets **self)
{
	sodium_free(*self); /* NULL-safe; wipes */
	*self = NULL;
}
