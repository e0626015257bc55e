// SPDX-License-Identifier: MIT
// Where the code under test, and the libraries below it, enter the checker: functions of the compiler's thread sanitizer, of the C
// library and of the C++ runtime that are defined here and so take the place of the others.
#pragma once

#include "execution.hpp"

#define WEFT_MODEL_ENTRY extern "C" [[gnu::visibility("default")]]

namespace weft::model::engine {

// In each entry that an execution sees: the checker's own memory and locks are real, and the trace knows the place.
class entry {
public:
    explicit entry(void const* returns_to) noexcept {
        in_model = false;
        me().place = returns_to;
    }
    ~entry() { in_model = true; }
    entry(entry const&) = delete;
    entry& operator=(entry const&) = delete;
};

// The function of this name that stands behind ours, once found.
void* next_function(char const* name) noexcept;

template <class Function>
Function* real(char const* name, Function*& known) noexcept {
    if (known == nullptr) known = reinterpret_cast<Function*>(next_function(name));
    return known;
}

}  // namespace weft::model::engine
