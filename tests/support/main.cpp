// SPDX-License-Identifier: MIT
// main() of every test. Compiled once: with Catch2 2.13 this file is Catch2 itself.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#include "support/tsan_suppressions.hpp"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
