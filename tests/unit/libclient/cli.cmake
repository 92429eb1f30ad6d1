# The redlock program: its parts, and the whole of it against a daemon that a test plays.
redlockd_test(unit_cli
  SOURCES cli_completion_shells_test.cc cli_completion_test.cc cli_fake_daemon.cc cli_guard_test.cc cli_options_test.cc
    cli_output_test.cc cli_query_test.cc cli_run_deadline_test.cc cli_run_killed_test.cc
    cli_run_state_test.cc cli_run_test.cc cli_set_test.cc cli_terminal_test.cc
    cli_text_test.cc cli_top_test.cc cli_wait_test.cc cli_watch_test.cc
  LIBS redlock_cli redlockd_test_support nlohmann_json::nlohmann_json)
add_dependencies(unit_cli redlock)
target_compile_definitions(unit_cli PRIVATE
  REDLOCKD_TEST_COMPLETIONS="${CMAKE_SOURCE_DIR}/libclient/cli")
