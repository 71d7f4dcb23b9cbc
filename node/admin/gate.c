#include "node/admin/gate.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool accepted_name(struct wire_texts accepted, const char *host)
{
	for (size_t i = 0; i < accepted.n; i++)
		if (strcasecmp(accepted.v[i], host) == 0)
			return true;
	return false;
}

static const char *owner(const struct cover_row *row, struct cs_arena *arena)
{
	return row->node == NULL ? "the site" : cs_arena_printf(arena, "node %s", row->node->name);
}

static enum cs_err add(struct gate *self, const struct cover_row *row, const char *text)
{
	if (text == NULL)
		return CS_ENOMEM;
	self->loss[self->count++] =
	        (struct gate_loss){ row->host, row->node != NULL ? row->node->name : NULL, text };
	return CS_OK;
}

static enum cs_err begin(struct gate *self, size_t rows, struct cs_arena *arena)
{
	*self = (struct gate){ cs_arena_take(arena, (rows + 1) * sizeof(*self->loss)), 0 };
	return self->loss != NULL ? CS_OK : CS_ENOMEM;
}

static const struct cover_row *row_of(
        const struct cover_row *rows, size_t n, const struct cover_row *like)
{
	for (size_t i = 0; i < n; i++) {
		const bool same =
		        (rows[i].node == NULL) == (like->node == NULL) &&
		        (like->node == NULL || strcmp(rows[i].node->name, like->node->name) == 0);
		if (same && strcmp(rows[i].host, like->host) == 0)
			return &rows[i];
	}
	return NULL;
}

static enum cs_err compare(struct gate *self, const struct cover_row *was,
        const struct cover_row *is, struct cs_arena *arena)
{
	if (was->sni.cover != PKI_COVER_NONE && is->sni.cover == PKI_COVER_NONE)
		return add(self, is,
		        cs_arena_printf(arena,
		                "%s of %s would have no certificate any more (%s has it now)",
		                is->host, owner(is, arena), was->sni.cert->id));
	if (was->fallback.cover != PKI_COVER_NONE && is->fallback.cover == PKI_COVER_NONE)
		return add(self, is,
		        cs_arena_printf(arena,
		                "%s of %s would no longer be vouched for by the default "
		                "certificate",
		                is->host, owner(is, arena)));
	return CS_OK;
}

enum cs_err gate_change(const struct scene *before, const struct scene *after,
        struct wire_texts accepted, struct cs_arena *arena, struct gate *out)
{
	const struct cover_row *was, *is;
	size_t was_n, is_n;

	CS_TRY(cover_rows(before, (struct wire_texts){ 0 }, arena, &was, &was_n));
	CS_TRY(cover_rows(after, (struct wire_texts){ 0 }, arena, &is, &is_n));
	CS_TRY(begin(out, is_n, arena));
	for (size_t i = 0; i < is_n; i++) {
		const struct cover_row *old = row_of(was, was_n, &is[i]);
		if (old != NULL && !accepted_name(accepted, is[i].host))
			CS_TRY(compare(out, old, &is[i], arena));
	}
	return CS_OK;
}

/* Whether ROW belongs to those who would present the default that is being chosen. */
static bool concerned(const struct cover_row *row, const char *node)
{
	if (node != NULL)
		return row->node != NULL && strcmp(row->node->name, node) == 0;
	return row->node == NULL || row->node->own_default[0] == '\0';
}

enum cs_err gate_default(const struct scene *after, const char *node, struct wire_texts accepted,
        struct cs_arena *arena, struct gate *out)
{
	const struct cover_row *rows;
	size_t n;

	CS_TRY(cover_rows(after, (struct wire_texts){ 0 }, arena, &rows, &n));
	CS_TRY(begin(out, n, arena));
	for (size_t i = 0; i < n; i++) {
		if (!concerned(&rows[i], node) || rows[i].fallback.cover != PKI_COVER_NONE ||
		        accepted_name(accepted, rows[i].host))
			continue;
		CS_TRY(add(out, &rows[i],
		        cs_arena_printf(arena,
		                "%s of %s is not in this certificate: a client without SNI would "
		                "get a name error",
		                rows[i].host, owner(&rows[i], arena))));
	}
	return CS_OK;
}

enum cs_err gate_uncovered(const struct scene *after, const char *node, struct wire_texts accepted,
        struct cs_arena *arena, struct gate *out)
{
	const struct cover_row *rows;
	size_t n;

	CS_TRY(cover_rows(after, (struct wire_texts){ 0 }, arena, &rows, &n));
	CS_TRY(begin(out, n, arena));
	for (size_t i = 0; i < n; i++) {
		const bool here = node == NULL ||
		                  (rows[i].node != NULL && strcmp(rows[i].node->name, node) == 0);
		if (!here || rows[i].sni.cover != PKI_COVER_NONE ||
		        accepted_name(accepted, rows[i].host))
			continue;
		CS_TRY(add(out, &rows[i],
		        cs_arena_printf(arena, "no Active certificate covers %s of %s",
		                rows[i].host, owner(&rows[i], arena))));
	}
	return CS_OK;
}

const char *gate_names(const struct gate *self, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < self->count; i++) {
		if (i == 5 || n + CS_NAME_MAX + 24 > size) {
			snprintf(out + n, size - n, " and %zu more", self->count - i);
			break;
		}
		n += (size_t)snprintf(
		        out + n, size - n, "%s%s", i > 0 ? ", " : "", self->loss[i].host);
	}
	return out;
}
