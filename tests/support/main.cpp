// SPDX-License-Identifier: MIT
// main() of every test. Compiled once: with Catch2 2.13 this file is Catch2 itself.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }

// ThreadSanitizer asks for this. An exception's reference count lives in the C++ runtime library, which it cannot see into: the
// last owner of an exception frees it, and that looks like a race with whoever read it before. Of the two the second is what it
// sees where the first has no frame of its own on the stack.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "race:std::__exception_ptr::exception_ptr::_M_release\nrace:std::runtime_error::~runtime_error\n";
}
