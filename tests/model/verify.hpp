// SPDX-License-Identifier: MIT
// How a model's test case explores.
#pragma once

#include <functional>

#include "model.hpp"

namespace weft::model {

// Explores, prints what was explored, and fails the test case if anything was found or if not everything within the bounds was seen
// (but for random walks and replays). In a program that is run with --expect-failure (a seeded bug), finding something is what it
// is for.
void verify(options const& wanted, std::function<void()> const& body);

// Whether it is run so. Then it explores no longer once it has found something.
[[nodiscard]] bool expects_failure() noexcept;

}  // namespace weft::model
