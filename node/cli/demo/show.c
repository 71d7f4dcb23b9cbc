/* What the demo shows. */
#include "node/cli/demo/script.h"
#include "node/cli/view.h"
#include "proto/base/clock.h"

/* Our own handshakes, beside those of the nodes' probers. */
void script_show_handshakes(struct script *self)
{
	CS_AUTO(table_free)
	struct table *table = table_new("        HANDSHAKE WITH|SNI " DEMO_SITE
	                                "|SNI OF ITS OWN|NO SNI|UNMATCHED SNI",
	        false);

	for (size_t i = 0; i < DEMO_NODES; i++) {
		const struct demo_node *node = &self->demo.nodes[i];
		const struct script_question own = { PROBE_SNI, node->public_host },
		                             *all[] = { &script_questions[0], &own,
			                             &script_questions[1], &script_questions[2] };
		char cells[CS_COUNT(all)][32];
		for (size_t k = 0; k < CS_COUNT(all); k++) {
			uint32_t us = 0;
			const enum cs_err rc =
			        demo_handshake(node, all[k]->kind, all[k]->sni, self->leaf, &us);
			if (rc == CS_OK)
				snprintf(cells[k], sizeof(cells[k]), "match %.1f ms",
				        (double)us / 1000.0);
			else
				snprintf(cells[k], sizeof(cells[k]), "%s",
				        rc == CS_EREFUSED ? "WRONG" : "down");
		}
		table_row(table, TABLE_PLAIN, "        %s 127.0.0.1:%u|%s|%s|%s|%s", node->name,
		        node->edge_port, cells[0], cells[1], cells[2], cells[3]);
	}
	table_print(table, self->demo.talk, false);
}

void script_show_status(struct script *self)
{
	struct cli ask = *self->demo.cli;
	json_t *doc = demo_status(&self->demo, &self->demo.nodes[0]);

	if (doc == NULL || self->demo.talk != stdout)
		return;
	ask.output = CLI_TABLE;
	putchar('\n');
	view_status(&ask, doc);
	putchar('\n');
	json_decref(doc);
}

void script_next_steps(struct script *self)
{
	const struct demo *d = &self->demo;
	FILE *out = d->talk;

	fprintf(out, "\nAll of it held, in %.1f s.\n",
	        (double)(cs_clock_mono_ms() - d->began_ms) / 1000.0);
	if (!d->keep) {
		fprintf(out, "Try next:\n  certspan demo --keep          the same cluster, left "
		             "running to play with\n"
		             "  make test                     everything that proves it\n"
		             "  certspan help init            a real first node\n");
		return;
	}
	fprintf(out, "The cluster runs on. Talk to it:\n");
	for (size_t i = 0; i < DEMO_NODES; i++)
		fprintf(out,
		        "  certspan --config %s status          # %s, certspand pid %d, edge "
		        "127.0.0.1:%u\n",
		        d->nodes[i].config, d->nodes[i].name, (int)d->nodes[i].pid,
		        d->nodes[i].edge_port);
	fprintf(out, "  certspan --config %s coverage matrix\n  certspan --config %s explain %s\n",
	        d->nodes[0].config, d->nodes[0].config, d->nodes[2].public_host);
	fprintf(out, "  curl --cacert %s/ca.pem --resolve %s:%u:127.0.0.1 https://%s:%u/\n", d->dir,
	        d->nodes[2].public_host, d->nodes[2].edge_port, d->nodes[2].public_host,
	        d->nodes[2].edge_port);
	fprintf(out, "Stop it:\n  kill %d %d %d; sleep 3; rm -r %s\n", (int)d->nodes[0].pid,
	        (int)d->nodes[1].pid, (int)d->nodes[2].pid, d->dir);
}

int script_report(struct script *self, int exit_code)
{
	json_t *phases = json_array();

	for (size_t i = 0; i < self->phase_count; i++)
		json_array_append_new(phases, json_pack("{s:s, s:f}", "name", self->phases[i].name,
		                                      "s", (double)self->phases[i].ms / 1000.0));
	return cli_print(self->demo.cli,
	        json_pack("{s:s, s:b, s:f, s:o, s:s}", "schema", "certspan.demo/1", "ok",
	                exit_code == 0, "total_s",
	                (double)(cs_clock_mono_ms() - self->demo.began_ms) / 1000.0, "phases",
	                phases, "error", self->demo.failure),
	        exit_code);
}
