// SPDX-License-Identifier: MIT
// For the one file of a program that has its main, or stands in for it.
#pragma once

// ThreadSanitizer asks for this. An exception's reference count lives in the C++ runtime library, which it cannot see into: the
// last owner of an exception frees it, and that looks like a race with whoever read it before. Of the two the second is what it
// sees where the first has no frame of its own on the stack.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "race:std::__exception_ptr::exception_ptr::_M_release\nrace:std::runtime_error::~runtime_error\n";
}
