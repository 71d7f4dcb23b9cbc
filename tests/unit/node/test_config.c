#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "node/config/config.h"
#include "proto/base/log.h"
#include "tests/unit/fixture.h"

struct parsed {
	struct cs_arena *arena;
	struct wire_config config;
	struct cs_buf complaint;
	enum cs_err rc;
};

static struct parsed parse(const char *yaml)
{
	struct parsed p = { .complaint = cs_buf_new(4096) };

	assert_int_equal(cs_arena_new(CS_UNPACK_MAX, &p.arena), CS_OK);
	p.rc = config_parse(
	        "/etc/certspan/c.yaml", cs_bytes_of(yaml), p.arena, &p.config, &p.complaint);
	return p;
}

static void drop(struct parsed *p)
{
	cs_buf_free(&p->complaint);
	cs_arena_free(&p->arena);
}

#define NODE "node:\n  name: p1\n"
static const struct {
	const char *yaml, *complaint;
} refused[] = {
	{ NODE "edge:\n  lisen: [a]\n", "4:3 edge.lisen: unknown key, did you mean listen?" },
	{ NODE "# edg: no\nedg:\n  listen: []\n", "4:1 edg: unknown key, did you mean edge?" },
	{ "node:\n  name: p1\n  nmae: p2\n", "3:3 node.nmae: unknown key, did you mean name?" },
	{ NODE "weather: sunny\n", "3:1 weather: unknown key" },
	{ NODE "edge:\n  listen: here\n",
	        "4:11 edge.listen: expected a list, found a single value" },
	{ NODE "edge:\n  listen:\n  - [a]\n", "5:5 edge.listen[0]: expected a text, found a list" },
	{ NODE "edge:\n",
	        "3:6 edge: expected a section of `key: value` lines, found a single value" },
	{ "- node\n", "1:1 expected a section of `key: value` lines, found a list" },
	{ NODE "probe:\n  interval-s: soon\n",
	        "4:15 probe.interval-s: 'soon' is not a whole number of 0 to 4294967295" },
	{ NODE "probe:\n  interval-s: 0\n",
	        "4:15 probe.interval-s: 0 is out of range, 1 to 86400 are possible" },
	{ NODE "probe:\n  interval-s: 99999999999\n",
	        "4:15 probe.interval-s: '99999999999' is not a whole number of 0 to 4294967295" },
	{ NODE "log:\n  level: loud\n",
	        "4:10 log.level: 'loud' is not one of error, warning, notice, info, debug" },
	{ NODE "log:\n  format: text\n  format: json\n", "5:3 log.format: given twice" },
	{ "node: {name: &n p1}\nruntime-directory: *n\n",
	        "2:20 runtime-directory: aliases (*name) are not supported, "
	        "write the value out" },
	{ "node:\n\tname: p1\n", "2:1 node: not YAML: a tab in the indentation, use spaces" },
	{ NODE "edge: {listen: [\"0.0.0.0:443\"", "edge" },
	{ NODE "edge: {upstream: \"tcp:a:1",
	        "edge.upstream: not YAML: found unexpected end of stream" },
	{ "schema: 1\n", "node.name: missing" },
	{ "node: {}\n", "node.name: missing" },
	{ "", "1:1 node.name: missing: the file is empty" },
	{ "node:\n  name:\n", "2:8 node.name: must not be empty" },
	{ "node:\n  name: P_1\n",
	        "2:9 node.name: 'P_1' is not a node name: 1 to 32 of a-z, 0-9 and inner '-'" },
	{ "schema: 2\n" NODE, "1:9 schema: 2 is not known here, this certspan reads schema 1" },
	{ NODE "edge:\n  listen:\n    - 0.0.0.0:443\n    - 0.0.0.0\n",
	        "6:7 edge.listen[1]: '0.0.0.0' is not an address and port such as 0.0.0.0:443 or "
	        "[::]:443" },
	{ NODE "edge:\n  listen: [\"0.0.0.0:443\", \"example.com:443\"]\n",
	        "4:28 edge.listen[1]: 'example.com:443' is not an address and port such as "
	        "0.0.0.0:443 or [::]:443" },
	{ NODE "edge:\n  listen: [\"127.0.0.1:0\"]\n",
	        "4:13 edge.listen[0]: port 0 cannot be reached by anybody, choose one of 1 to "
	        "65535" },
	{ NODE "edge:\n  listen: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]\n",
	        "edge.listen[15]: more than 16 entries" },
	{ NODE "edge:\n  listen: []\n", "4:11 edge.listen: needs at least one entry" },
	{ NODE "edge:\n  listen: [\"0.0.0.0:443\", \"0.0.0.0:443\"]\n",
	        "4:13 edge.listen[1]: 0.0.0.0:443 stands here twice" },
	{ NODE "replication: {listen: \"0.0.0.0:443\"}\n",
	        "replication.listen: 0.0.0.0:443 is in edge.listen too" },
	{ NODE "replication: {upstreams: [\"b1:7443\"]}\n",
	        "3:28 replication.upstreams[0]: expected \"HOST:PORT KEY\", KEY being 64 hex "
	        "digits" },
	{ NODE "edge:\n  upstream: udp:a:1\n",
	        "4:13 edge.upstream: 'udp:a:1' is neither tcp:HOST:PORT nor unix:PATH" },
	{ NODE "edge:\n  workers: 0\n",
	        "4:12 edge.workers: '0' is neither auto nor a number of 1 to 64" },
	{ NODE "store:\n  map-size: 32 bananas\n",
	        "4:13 store.map-size: '32 bananas' is not a size such as 512MiB or 32GiB" },
	{ NODE "store:\n  map-size: 1MiB\n",
	        "4:13 store.map-size: 1MiB is out of range, 16MiB to 16TiB are possible" },
	{ NODE "store: {directory: \"\"}\n", "store.directory: expected the path of a folder" },
	{ NODE "runtime-directory: /var/lib/certspan\n",
	        "3:20 runtime-directory: the same folder as store.directory; it is emptied at "
	        "boot, choose another" },
	{ NODE "---\n" NODE, "3:1 a second document begins here, only one is read" },
	{ NODE "log:\n  level: \"a\\nb\"\n", "4:10 log.level: 'a b' is not one of" },
};

static void bad_files_are_refused_with_their_place(void **state)
{
	(void)state;
	size_t wrong = 0;

	for (size_t i = 0; i < CS_COUNT(refused); i++) {
		struct parsed p = parse(refused[i].yaml);
		const char *text = cs_buf_text(&p.complaint);
		if (p.rc != CS_ECONFIG || strstr(text, refused[i].complaint) == NULL) {
			wrong++;
			print_error("row %zu: %s, said: %s\nwanted: %s\n", i, cs_err_name(p.rc),
			        text, refused[i].complaint);
		}
		assert_true(strncmp(text, "/etc/certspan/c.yaml:", 21) == 0);
		assert_null(strchr(text, '\n'));
		drop(&p);
	}
	assert_int_equal(wrong, 0);
}

static void a_name_is_enough_and_the_rest_has_defaults(void **state)
{
	(void)state;
	struct parsed p = parse("node: {name: p1}");

	assert_int_equal(p.rc, CS_OK);
	assert_string_equal(p.config.name, "p1");
	assert_string_equal(p.config.state_dir, "/var/lib/certspan");
	assert_string_equal(p.config.runtime_dir, "/run/certspan");
	assert_int_equal(p.config.map_size, (uint64_t)32 << 30);
	assert_int_equal(p.config.edge_listen.n, 1);
	assert_string_equal(p.config.edge_listen.v[0], "0.0.0.0:443");
	assert_string_equal(p.config.upstream, "");
	assert_true(p.config.workers >= 1);
	assert_int_equal(p.config.handshake_timeout_s, 10);
	assert_int_equal(p.config.idle_timeout_s, 300);
	assert_string_equal(p.config.replication_listen, "");
	assert_int_equal(p.config.upstreams.n, 0);
	assert_int_equal(p.config.probe_interval_s, 60);
	assert_int_equal(p.config.log_level, CS_LOG_INFO);
	assert_string_equal(p.config.config_file, "/etc/certspan/c.yaml");
	drop(&p);
}

static void relative_paths_count_from_the_file(void **state)
{
	(void)state;
	struct parsed p = parse(NODE
	        "store: {directory: data}\nruntime-directory: run\nedge:\n  upstream: "
	        "unix:web.sock\n"
	        "  listen: [\"[::1]:8443\"]\n  workers: 3\nlog: {format: json, level: debug}\n");

	assert_int_equal(p.rc, CS_OK);
	assert_string_equal(p.config.state_dir, "/etc/certspan/data");
	assert_string_equal(p.config.runtime_dir, "/etc/certspan/run");
	assert_string_equal(p.config.upstream, "unix:/etc/certspan/web.sock");
	assert_string_equal(p.config.edge_listen.v[0], "[::1]:8443");
	assert_int_equal(p.config.workers, 3);
	assert_int_equal(p.config.log_format, CS_LOG_JSON);
	assert_int_equal(p.config.log_level, CS_LOG_DEBUG);
	drop(&p);
}

static void the_example_works_as_it_is(void **state)
{
	(void)state;
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(65536);

	assert_int_equal(config_example(&text), CS_OK);
	struct parsed p = parse(cs_buf_text(&text));
	struct parsed bare = parse("node: {name: p1}\nreplication: {listen: \"0.0.0.0:7443\"}");
	CS_AUTO(cs_buf_free) struct cs_buf a = cs_buf_new(65536);
	CS_AUTO(cs_buf_free) struct cs_buf b = cs_buf_new(65536);
	assert_int_equal(p.rc, CS_OK);
	assert_int_equal(config_show_json(&p.config, &a), CS_OK);
	assert_int_equal(config_show_json(&bare.config, &b), CS_OK);
	assert_string_equal(cs_buf_text(&a), cs_buf_text(&b));
	drop(&p);
	drop(&bare);
}

static void the_sample_in_deploy_is_the_example(void **state)
{
	(void)state;
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(65536);
	char file[32768];

	assert_int_equal(config_example(&text), CS_OK);
	FILE *f = fopen("deploy/certspan.yaml", "r");
	assert_non_null(f);
	const size_t n = fread(file, 1, sizeof(file) - 1, f);
	fclose(f);
	file[n] = '\0';
	assert_string_equal(file, cs_buf_text(&text));
}

static void what_is_shown_can_be_read_again(void **state)
{
	(void)state;
	struct parsed p = parse(
	        NODE "edge:\n  listen: [\"127.0.0.1:8443\", \"[::1]:8443\"]\n  workers: 2\n"
	             "  upstream: \"unix:/run/we \\\" ird\"\nlog: {format: json, level: error}\n");
	CS_AUTO(cs_buf_free) struct cs_buf yaml = cs_buf_new(65536);
	CS_AUTO(cs_buf_free) struct cs_buf again = cs_buf_new(65536);

	assert_int_equal(p.rc, CS_OK);
	assert_int_equal(config_show_yaml(&p.config, &yaml), CS_OK);
	struct parsed q = parse(cs_buf_text(&yaml));
	assert_string_equal(cs_buf_text(&q.complaint), "");
	assert_int_equal(config_show_yaml(&q.config, &again), CS_OK);
	assert_string_equal(cs_buf_text(&yaml), cs_buf_text(&again));
	drop(&p);
	drop(&q);
}

static void a_new_file_is_written_once_and_only_if_it_would_be_read(void **state)
{
	(void)state;
	const char *const listen[] = { "127.0.0.1:8443", NULL };
	struct config_choice choice = {
		.name = "b1", .state_dir = "da\"ta", .edge_listen = listen
	};
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4096);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_config config;
	struct stat st;
	char dir[64], file[128], data[128];

	snprintf(file, sizeof(file), "%s/certspan.yaml", fx_mkdir(dir));
	snprintf(data, sizeof(data), "%s/da\"ta", dir);
	choice.name = "B1";
	assert_int_equal(config_write_new(file, &choice, &complaint), CS_ECONFIG);
	assert_int_equal(stat(file, &st), -1);
	choice.name = "b1";
	assert_int_equal(config_write_new(file, &choice, &complaint), CS_OK);
	assert_int_equal(config_write_new(file, &choice, &complaint), CS_EEXISTS);
	assert_int_equal(cs_arena_new(CS_UNPACK_MAX, &arena), CS_OK);
	assert_int_equal(config_read(file, arena, &config, &complaint), CS_OK);
	assert_string_equal(config.state_dir, data);
	assert_string_equal(config.edge_listen.v[0], "127.0.0.1:8443");
	fx_rmdir(dir);
}

static void files_that_cannot_be_read_say_why(void **state)
{
	(void)state;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4096);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_config config;

	assert_int_equal(cs_arena_new(CS_UNPACK_MAX, &arena), CS_OK);
	assert_int_equal(config_read("/nowhere/c.yaml", arena, &config, &complaint), CS_ENOTFOUND);
	assert_string_equal(cs_buf_text(&complaint), "/nowhere/c.yaml: No such file or directory");
	cs_buf_free(&complaint);
	assert_int_equal(config_read("/tmp", arena, &config, &complaint), CS_EIO);
	assert_string_equal(cs_buf_text(&complaint), "/tmp: Is a directory");
	cs_buf_free(&complaint);
	assert_int_equal(config_read("/dev/zero", arena, &config, &complaint), CS_ECONFIG);
	assert_string_equal(cs_buf_text(&complaint),
	        "/dev/zero:1:1 larger than 64 KiB, this is no configuration");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files_are_refused_with_their_place),
		cmocka_unit_test(a_name_is_enough_and_the_rest_has_defaults),
		cmocka_unit_test(relative_paths_count_from_the_file),
		cmocka_unit_test(the_example_works_as_it_is),
		cmocka_unit_test(the_sample_in_deploy_is_the_example),
		cmocka_unit_test(what_is_shown_can_be_read_again),
		cmocka_unit_test(a_new_file_is_written_once_and_only_if_it_would_be_read),
		cmocka_unit_test(files_that_cannot_be_read_say_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
