// SPDX-License-Identifier: MIT
// Catch2 2.13 itself, which takes long to compile; nothing of ours.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

int run_catch_session(int argc, char** argv);
int run_catch_session(int argc, char** argv) { return Catch::Session().run(argc, argv); }
