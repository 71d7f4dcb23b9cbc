#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "node/supervisor/folders.h"
#include "node/supervisor/member.h"
#include "node/supervisor/notify.h"
#include "node/supervisor/reload.h"
#include "node/supervisor/users.h"
#include "tests/unit/fixture.h"

static void back_off_doubles_up_to_ten_seconds_and_a_long_life_forgets(void **state)
{
	(void)state;
	static const int64_t waits[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct member m = { .kind = KIND_KEYD };

	for (size_t i = 0; i < CS_COUNT(waits); i++)
		assert_int_equal(member_backoff(&m, 29999), waits[i]);
	assert_int_equal(member_backoff(&m, 30000), 100);
	assert_int_equal(member_backoff(&m, 5), 200);
}

static int status_of(int code, int sig)
{
	int status;
	const pid_t pid = fork();

	if (pid == 0) {
		if (sig != 0)
			kill(getpid(), sig);
		_exit(code);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void an_end_is_told_in_words(void **state)
{
	(void)state;
	char text[128];

	member_exit_text(status_of(0, 0), text);
	assert_string_equal(text, "");
	member_exit_text(status_of(70, 0), text);
	assert_string_equal(text, "exit 70");
	member_exit_text(status_of(0, SIGKILL), text);
	assert_string_equal(text, "killed by signal 9 (Killed)");
}

static void every_link_has_two_names_and_two_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < member_link_count; i++) {
		const struct member_link *l = &member_links[i];
		assert_string_equal(
		        l->to_a, member_roles[l->b].name); /* what A gets is called after B */
		assert_string_equal(l->to_b, member_roles[l->a].name);
	}
}

static void roles_of_root_are_users_of_their_own(void **state)
{
	(void)state;
	struct users users;

	assert_int_equal(users_find(70000, &users), CS_OK);
	assert_true(users.shared == (geteuid() != 0));
	for (size_t i = 0; !users.shared && i < USER_COUNT; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(users.of[i].uid != users.of[j].uid && users.of[i].uid != 0);
}

static void the_lock_is_held_once(void **state)
{
	(void)state;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4096);
	char dir[64], run[96];
	int first, second;

	snprintf(run, sizeof(run), "%s/a/b", fx_mkdir(dir));
	const struct wire_config config = { .runtime_dir = run };
	assert_int_equal(folders_lock(&config, &first, &complaint), CS_OK);
	assert_int_equal(folders_lock(&config, &second, &complaint), CS_EAGAIN);
	assert_int_equal(second, -1);
	assert_non_null(strstr(cs_buf_text(&complaint), "another certspand runs"));
	close(first);
	assert_int_equal(folders_lock(&config, &second, &complaint), CS_OK);
	close(second);
	fx_rmdir(dir);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_reload_changes_what_it_can_and_keeps_what_it_must(void **state)
{
	(void)state;
	const char *const listen[] = { "127.0.0.1:1" };
	struct reload *reload;
	char dir[64], file[96];

	snprintf(file, sizeof(file), "%s/c.yaml", fx_mkdir(dir));
	const struct wire_config first = { .name = "p1",
		.config_file = file,
		.state_dir = "/s",
		.runtime_dir = "/r",
		.edge_listen = { listen, 1 },
		.workers = 3,
		.replication_listen = "",
		.idle_timeout_s = 300,
		.log_level = 3,
		.upstream = "" };
	assert_int_equal(reload_new(&first, true, &reload), CS_OK);
	write_file(file, "node: {name: p2}\nedge: {upstream: \"tcp:a:1\", workers: 9, "
	                 "idle-timeout-s: 7}\nlog: {level: error}\n");
	const struct wire_config *now = reload_now(reload);
	assert_string_equal(now->upstream, "tcp:a:1");
	assert_int_equal(now->idle_timeout_s, 7);
	assert_string_equal(now->name, "p1");
	assert_string_equal(now->state_dir, "/s");
	assert_string_equal(now->edge_listen.v[0], "127.0.0.1:1");
	assert_int_equal(now->workers, 3);
	assert_true(now->shared_user);
	write_file(file, "node: {name: p1}\nedge: {upstraem: \"tcp:b:1\"}\n");
	assert_string_equal(reload_now(reload)->upstream, "tcp:a:1");
	unlink(file);
	assert_string_equal(reload_now(reload)->upstream, "tcp:a:1");
	reload_free(&reload);
	fx_rmdir(dir);
}

static void systemd_is_told_when_it_listens(void **state)
{
	(void)state;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[64], heard[64] = "";

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/n", fx_mkdir(dir));
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	unsetenv("NOTIFY_SOCKET");
	notify_send("LOST=1");
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	notify_send("READY=1");
	assert_int_equal(recv(fd, heard, sizeof(heard), MSG_DONTWAIT), 7);
	assert_string_equal(heard, "READY=1");
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_watchdog_ms(), 1500);
	setenv("WATCHDOG_PID", "1", 1); /* meant for somebody else */
	assert_int_equal(notify_watchdog_ms(), 0);
	close(fd);
	fx_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_off_doubles_up_to_ten_seconds_and_a_long_life_forgets),
		cmocka_unit_test(an_end_is_told_in_words),
		cmocka_unit_test(every_link_has_two_names_and_two_ends),
		cmocka_unit_test(roles_of_root_are_users_of_their_own),
		cmocka_unit_test(the_lock_is_held_once),
		cmocka_unit_test(a_reload_changes_what_it_can_and_keeps_what_it_must),
		cmocka_unit_test(systemd_is_told_when_it_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
